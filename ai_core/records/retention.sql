-- name: add_month
SELECT add_month(:parent::text, :day::date)

-- name: drop_months
SELECT drop_months(:parent::text, :before::date)

-- name: delete_events
DELETE FROM events WHERE at < :before

-- name: delete_feedback
DELETE FROM feedback WHERE at < :before

-- name: erase_comments
UPDATE feedback SET comment = NULL, conversation = NULL, owner = NULL
WHERE at < :before AND (comment IS NOT NULL OR conversation IS NOT NULL)

-- name: delete_questions
DELETE FROM questions WHERE at < :before

-- name: delete_reviews
DELETE FROM question_reviews WHERE at < :before

-- name: delete_turns
DELETE FROM turns WHERE at < :before

-- name: delete_conversations
DELETE FROM conversations WHERE began_at < :before
AND NOT EXISTS (SELECT FROM turns WHERE conversation = name)
