-- name: delete_mail_texts
UPDATE mails SET raw_sealed = NULL, reading_sealed = NULL, draft_sealed = NULL
WHERE finished_at < :before AND raw_sealed IS NOT NULL
RETURNING id

-- name: delete_outgoing_texts
UPDATE outbox SET bytes_sealed = NULL, recipient_sealed = NULL
WHERE created_at < :before AND (state IN ('sent', 'failed') OR kind = 'erasure')

-- name: delete_confirmations
DELETE FROM confirmations WHERE created_at < :before

-- name: delete_mails
DELETE FROM mails WHERE finished_at < :before RETURNING identity

-- name: lock_mails_of_older_keys
-- A sealed value begins with the 4 bytes that identify its key.
SELECT id, raw_sealed, reading_sealed, draft_sealed FROM mails
WHERE substr(raw_sealed, 1, 4) <> :newest OR substr(reading_sealed, 1, 4) <> :newest
    OR substr(draft_sealed, 1, 4) <> :newest
ORDER BY id LIMIT :limit FOR UPDATE

-- name: reseal_mail
UPDATE mails SET raw_sealed = :raw_sealed, reading_sealed = :reading_sealed,
    draft_sealed = :draft_sealed
WHERE id = :id

-- name: lock_outgoing_of_older_keys
SELECT id, bytes_sealed, recipient_sealed FROM outbox
WHERE substr(bytes_sealed, 1, 4) <> :newest OR substr(recipient_sealed, 1, 4) <> :newest
ORDER BY id LIMIT :limit FOR UPDATE

-- name: reseal_outgoing
UPDATE outbox SET bytes_sealed = :bytes_sealed, recipient_sealed = :recipient_sealed
WHERE id = :id
