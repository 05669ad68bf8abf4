-- name: mails_from
SELECT id FROM mails WHERE sender_print = :sender ORDER BY id

-- name: erase_mails
UPDATE mails SET state = 'erased', raw_sealed = NULL, reading_sealed = NULL, draft_sealed = NULL,
    sender_print = NULL, domain_print = NULL, words_print = NULL, message_id_print = NULL,
    reason = :reason, fired = '{}', conversation_id = NULL, lease_until = NULL, finished_at = :now
WHERE id = ANY(:mail_ids) AND state <> 'erased'
RETURNING id, identity

-- name: erase_outgoing
UPDATE outbox SET bytes_sealed = NULL, recipient_sealed = NULL, recipient_print = ''::bytea,
    state = CASE WHEN state IN ('ready', 'deferred') THEN 'failed' ELSE state END
WHERE mail_id = ANY(:mail_ids) AND kind <> 'erasure'

-- name: delete_empty_conversations
DELETE FROM conversations
WHERE NOT EXISTS (SELECT FROM mails WHERE mails.conversation_id = conversations.id)

-- name: delete_events
DELETE FROM events WHERE mail_id = ANY(:mail_ids)
