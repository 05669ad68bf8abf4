-- name: give
INSERT INTO feedback (
    answer_id, caller, verdict, reason, comment, channel, conversation, at
) VALUES (
    :answer_id, :caller, :verdict, :reason, :comment, :channel, :conversation, :at
)
ON CONFLICT (answer_id, caller) DO UPDATE SET
    verdict = EXCLUDED.verdict, reason = EXCLUDED.reason, comment = EXCLUDED.comment,
    conversation = EXCLUDED.conversation, at = EXCLUDED.at
