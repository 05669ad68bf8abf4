-- name: record
INSERT INTO feedback (mail_id, helped, at)
SELECT id, :helped, :now FROM mails WHERE id = :mail_id AND state <> 'erased'
ON CONFLICT (mail_id) DO UPDATE SET helped = EXCLUDED.helped, at = EXCLUDED.at
RETURNING mail_id

-- name: unsent
SELECT mail_id, helped, at, draft_sealed FROM feedback JOIN mails ON mails.id = mail_id
WHERE forwarded_at IS NULL OR forwarded_at < at
ORDER BY at LIMIT 50

-- name: mark_sent
UPDATE feedback SET forwarded_at = :at WHERE mail_id = :mail_id
