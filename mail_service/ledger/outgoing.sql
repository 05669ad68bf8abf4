-- name: insert_outgoing
INSERT INTO outbox (mail_id, mailbox, kind, message_id, envelope_token, state, recipient_sealed,
    recipient_print, bytes_sealed, created_at, next_at)
VALUES (:mail_id, :mailbox, :kind, :message_id, :envelope_token, 'ready', :recipient_sealed,
    :recipient, :content_sealed, :now, :now)
ON CONFLICT (mail_id, kind) DO NOTHING
RETURNING id

-- name: claim
UPDATE outbox SET state = 'sending', handed_over = false, lease_until = :lease_until,
    attempts = attempts + 1
WHERE id = (
    SELECT id FROM outbox WHERE state IN ('ready', 'deferred') AND next_at <= :now
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, mail_id, mailbox, message_id, envelope_token, recipient_sealed, bytes_sealed, attempts

-- name: mark_transmitting
UPDATE outbox SET handed_over = true WHERE id = :outgoing_id AND state = 'sending'
RETURNING id

-- name: record_result
UPDATE outbox SET state = :state, last_answer = :answer, lease_until = NULL,
    sent_at = CASE WHEN :state = 'sent' THEN :now ELSE sent_at END,
    next_at = CASE WHEN :state = 'deferred' THEN :retry_at ELSE next_at END
WHERE id = :outgoing_id

-- name: forget_erasure_letter
-- Whom we told that their data are erased is forgotten with the letter that said so.
UPDATE outbox SET bytes_sealed = NULL, recipient_sealed = NULL, recipient_print = ''::bytea
WHERE id = :outgoing_id AND kind = 'erasure' AND state IN ('sent', 'failed')

-- name: recover_expired
UPDATE outbox SET lease_until = NULL, last_answer = 'worker died',
    state = CASE WHEN handed_over THEN 'unknown' ELSE 'deferred' END
WHERE state = 'sending' AND lease_until < :now
RETURNING mail_id, state

-- name: list_unknown
SELECT id, mail_id, mailbox, message_id, created_at FROM outbox
WHERE state = 'unknown' ORDER BY id LIMIT :limit

-- name: resolve_unknown
UPDATE outbox SET state = :state, last_answer = :reason, next_at = :now,
    sent_at = CASE WHEN :state = 'sent' THEN coalesce(sent_at, :now) ELSE sent_at END
WHERE id = :outgoing_id AND state = 'unknown'
RETURNING mail_id

-- name: list_uncopied
SELECT id, message_id, bytes_sealed FROM outbox
WHERE mailbox = :mailbox AND state = 'sent' AND NOT copied AND bytes_sealed IS NOT NULL
ORDER BY id LIMIT :limit

-- name: mark_copied
UPDATE outbox SET copied = true WHERE id = :outgoing_id

-- name: record_bounce
UPDATE outbox SET bounced_at = :now, last_answer = 'bounced',
    state = CASE WHEN :hard THEN 'failed' ELSE state END
WHERE envelope_token = :token AND state IN ('sent', 'unknown')
RETURNING mail_id, recipient_print

-- name: link_report
UPDATE mails SET reports_on = :mail_id WHERE id = :report_id AND state = 'received'

-- name: count_hard_bounce
INSERT INTO dead_addresses (recipient_print, hard_bounces, at) VALUES (:recipient, 1, :now)
ON CONFLICT (recipient_print) DO UPDATE
SET hard_bounces = dead_addresses.hard_bounces + 1, at = :now

-- name: forget_hard_bounces
DELETE FROM dead_addresses WHERE recipient_print = :recipient

-- name: is_undeliverable
SELECT EXISTS (
    SELECT FROM dead_addresses WHERE recipient_print = :recipient AND hard_bounces >= :limit
)
