-- A thumb is forwarded to ai_core under the id that it gave the answer; `forwarded_at` is the `at`
-- of what was sent last.
ALTER TABLE feedback ADD COLUMN answer_id text;
ALTER TABLE feedback ADD COLUMN forwarded_at timestamptz;
CREATE INDEX feedback_to_forward ON feedback (at)
WHERE answer_id IS NOT NULL AND (forwarded_at IS NULL OR forwarded_at < at);
