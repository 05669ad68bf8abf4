-- name: mails_from
SELECT id FROM mails WHERE sender_print = :sender ORDER BY id

-- name: erase_mails
UPDATE mails SET state = 'erased', raw_sealed = NULL, reading_sealed = NULL, draft_sealed = NULL,
    sender_print = NULL, domain_print = NULL, words_print = NULL, message_id_print = NULL,
    reason = :reason, fired = '{}', conversation_id = NULL, in_thread = false, reports_on = NULL,
    attempts = 0,
    lease_until = NULL, finished_at = :now
WHERE (id = ANY(:mail_ids) OR reports_on = ANY(:mail_ids)) AND state <> 'erased'
RETURNING id, identity

-- name: unparsed_mails
SELECT id, raw_sealed FROM mails
WHERE sender_print IS NULL AND raw_sealed IS NOT NULL AND id > :after_id
ORDER BY id LIMIT :limit

-- name: delete_outgoing
DELETE FROM outbox WHERE mail_id = ANY(:mail_ids) AND kind <> 'erasure'

-- name: delete_feedback
DELETE FROM feedback WHERE mail_id = ANY(:mail_ids)

-- name: delete_confirmations
DELETE FROM confirmations WHERE address_print = :address

-- name: delete_hard_bounces
DELETE FROM dead_addresses WHERE recipient_print = :address

-- name: delete_empty_conversations
DELETE FROM conversations
WHERE NOT EXISTS (SELECT FROM mails WHERE mails.conversation_id = conversations.id)

-- name: delete_events
DELETE FROM events WHERE mail_id = ANY(:mail_ids)
