-- name: latest
SELECT id, mailbox, state, reason, fired, size_bytes, attempts, received_at, finished_at
FROM mails
WHERE (:state::text IS NULL OR state = :state) AND (:before_id::bigint IS NULL OR id < :before_id)
    AND (:sender::bytea IS NULL OR sender_print = :sender)
ORDER BY id DESC LIMIT :limit

-- name: searchable
SELECT id, mailbox, state, reason, fired, size_bytes, attempts, received_at, finished_at,
    reading_sealed
FROM mails
WHERE reading_sealed IS NOT NULL AND (:state::text IS NULL OR state = :state)
    AND (:sender::bytea IS NULL OR sender_print = :sender)
    AND (:before_id::bigint IS NULL OR id < :before_id)
ORDER BY id DESC LIMIT :limit

-- name: count_sender
SELECT state, count(*) AS number FROM mails
WHERE sender_print = (SELECT sender_print FROM mails WHERE id = :mail_id)
GROUP BY state

-- name: load
SELECT id, mailbox, state, reason, fired, size_bytes, attempts, received_at, finished_at
FROM mails WHERE id = :mail_id

-- name: load_texts
SELECT reading_sealed, draft_sealed FROM mails WHERE id = :mail_id

-- name: load_feedback
SELECT helped FROM feedback WHERE mail_id = :mail_id

-- name: list_events
SELECT at, step, reason FROM events WHERE mail_id = :mail_id ORDER BY id

-- name: list_outgoing
SELECT kind, state, message_id, attempts, last_answer, sent_at, bounced_at
FROM outbox WHERE mail_id = :mail_id ORDER BY id

-- name: decide
UPDATE mails SET state = :state, reason = :reason, draft_sealed = :draft_sealed, finished_at = :now
WHERE id = :mail_id AND state = 'review'
RETURNING id

-- name: reject
UPDATE mails SET state = 'rejected', reason = :reason, finished_at = :now
WHERE id = :mail_id AND state IN ('review', 'quarantined')
RETURNING id

-- name: release
UPDATE mails SET state = 'received', let_through = true, next_at = :now, lease_until = NULL
WHERE id = :mail_id AND raw_sealed IS NOT NULL
    AND state IN ('quarantined', 'failed', 'dry_run', 'silent', 'rejected')
RETURNING id

-- name: resend
UPDATE outbox SET state = 'ready', next_at = :now
WHERE mail_id = :mail_id AND state IN ('unknown', 'failed') AND bytes_sealed IS NOT NULL
RETURNING id

-- name: counts
SELECT 'mail_' || state AS name, count(*) AS number FROM mails GROUP BY state
UNION ALL SELECT 'reply_' || state, count(*) FROM outbox GROUP BY state
UNION ALL SELECT CASE WHEN helped THEN 'feedback_yes' ELSE 'feedback_no' END, count(*)
    FROM feedback GROUP BY helped
UNION ALL SELECT 'overdue', count(*) FROM mails
    WHERE state = 'received' AND received_at < :overdue_before

-- name: oldest_waiting
SELECT min(received_at) FROM mails WHERE state = 'received'
