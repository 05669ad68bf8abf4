-- name: record
INSERT INTO feedback (mail_id, helped, at)
SELECT id, :helped, :now FROM mails WHERE id = :mail_id AND state <> 'erased'
ON CONFLICT (mail_id) DO UPDATE SET helped = EXCLUDED.helped, at = EXCLUDED.at
RETURNING mail_id
