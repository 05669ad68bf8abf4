-- name: add_event
INSERT INTO events (
    at, answer_id, channel, language, topic, entry, confidence, outcome, reason, model, cached,
    latency_ms, variants
) VALUES (
    :at, :answer_id, :channel, :language, :topic, :entry, :confidence, :outcome, :reason, :model,
    :cached, :latency_ms, :variants
) ON CONFLICT DO NOTHING

-- name: add_question
INSERT INTO questions (answer_id, at, sealed, conversation, owner)
VALUES (:answer_id, :at, :sealed, :conversation, :owner)
ON CONFLICT DO NOTHING
