-- name: claim
UPDATE mails SET lease_until = :lease_until, attempts = attempts + 1
WHERE id = (
    SELECT id FROM mails
    WHERE state = 'received' AND next_at <= :now AND (lease_until IS NULL OR lease_until < :now)
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, mailbox, raw_sealed, size_bytes, attempts, received_at, let_through

-- name: save_parsed
UPDATE mails SET reading_sealed = :reading_sealed, sender_print = :sender, domain_print = :domain,
    words_print = :words, message_id_print = :message_id
WHERE id = :mail_id AND state = 'received'

-- name: lock_received
SELECT id FROM mails WHERE id = :mail_id AND state = 'received' FOR UPDATE

-- name: settle
UPDATE mails SET state = :state, reason = :reason, fired = :fired, finished_at = :now,
    draft_sealed = :draft_sealed, lease_until = NULL
WHERE id = :mail_id

-- name: postpone
UPDATE mails SET next_at = :due_at, lease_until = NULL, reason = :reason
WHERE id = :mail_id AND state = 'received'
