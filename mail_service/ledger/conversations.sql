-- name: history
SELECT
    (SELECT count(*) FROM mails WHERE sender_print = :sender AND received_at > :hour_ago)
        AS from_sender_hour,
    (SELECT count(*) FROM mails WHERE sender_print = :sender AND received_at > :day_ago)
        AS from_sender_day,
    (SELECT count(*) FROM outbox WHERE kind = 'reply' AND created_at > :hour_ago)
        AS replies_to_everyone_hour,
    (SELECT count(*) FROM outbox WHERE kind = 'reply' AND created_at > :minute_ago)
        AS replies_to_everyone_minute,
    (SELECT count(*) FROM outbox JOIN mails ON mails.id = outbox.mail_id
        WHERE mails.conversation_id = :conversation_id AND outbox.kind = 'reply'
        AND outbox.created_at > :day_ago) AS replies_to_conversation_day,
    (SELECT count(*) FROM outbox WHERE recipient_print = :sender AND kind = 'reply'
        AND created_at > :hour_ago) AS replies_to_sender_hour,
    (SELECT count(*) FROM outbox WHERE recipient_print = :sender AND kind = 'reply'
        AND created_at > :three_hours_ago) AS replies_to_sender_3_hours,
    (SELECT count(*) FROM outbox JOIN mails ON mails.id = outbox.mail_id
        WHERE mails.domain_print = :domain AND outbox.kind = 'reply'
        AND outbox.created_at > :hour_ago) AS replies_to_domain_hour,
    (SELECT count(*) FROM mails WHERE sender_print = :sender AND words_print = :words
        AND received_at > :day_ago AND id < :mail_id) AS same_words_day

-- name: conversation_of
SELECT conversation_id, in_thread FROM mails WHERE id = :mail_id

-- name: find_by_references
SELECT conversations.id, conversations.subject_print,
    coalesce(outbox.message_id = ANY(:sent_ids), false) AS answers_us
FROM conversations
JOIN mails ON mails.conversation_id = conversations.id
LEFT JOIN outbox ON outbox.mail_id = mails.id
WHERE conversations.participant_print = :participant AND conversations.mailbox = :mailbox
    AND mails.id <> :mail_id
    AND (mails.message_id_print = ANY(:fingerprints) OR outbox.message_id = ANY(:message_ids))
ORDER BY answers_us DESC, mails.id DESC LIMIT 1

-- name: find_by_subject
SELECT id FROM conversations
WHERE participant_print = :participant AND subject_print = :subject AND mailbox = :mailbox
    AND created_at > :since
ORDER BY id DESC LIMIT 1

-- name: insert_conversation
INSERT INTO conversations (mailbox, participant_print, subject_print, continues, created_at)
VALUES (:mailbox, :participant, :subject, :continues, :now)
RETURNING id

-- name: assign
UPDATE mails SET conversation_id = :conversation_id, in_thread = :in_thread
WHERE id = :mail_id AND state = 'received'

-- name: past_mails
SELECT reading_sealed, draft_sealed FROM mails
WHERE conversation_id = :conversation_id AND id < :before_mail_id AND state = 'answered'
    AND in_thread AND reading_sealed IS NOT NULL
ORDER BY id DESC LIMIT :limit
