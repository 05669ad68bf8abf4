-- name: give
INSERT INTO feedback (
    answer_id, caller, verdict, reason, comment, channel, conversation, owner, at
) VALUES (
    :answer_id, :caller, :verdict, :reason, :comment, :channel, :conversation, :owner, :at
)
ON CONFLICT (answer_id, caller) DO UPDATE SET
    verdict = EXCLUDED.verdict, reason = EXCLUDED.reason, comment = EXCLUDED.comment,
    conversation = EXCLUDED.conversation, owner = EXCLUDED.owner, at = EXCLUDED.at
