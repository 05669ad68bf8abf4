-- name: lock_address
SELECT pg_advisory_xact_lock(hashtextextended('confirmations' || encode(:address, 'hex'), 0))

-- name: count_recent
SELECT count(*) FROM confirmations
WHERE address_print = :address AND created_at > :since AND asked_by <> :mail_id

-- name: replace_request
DELETE FROM confirmations WHERE asked_by = :mail_id

-- name: insert_request
INSERT INTO confirmations (token_print, address_print, mailbox, action, asked_by, created_at,
    expires_at)
VALUES (:token, :address, :mailbox, :action, :mail_id, :now, :expires_at)

-- name: redeem
UPDATE confirmations SET used_by = :mail_id
WHERE token_print = ANY(:tokens) AND address_print = :address AND mailbox = :mailbox
    AND expires_at > :now AND (used_by IS NULL OR used_by = :mail_id)
RETURNING action
