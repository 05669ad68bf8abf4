-- ai_core gets the verdict as well; `forwarded_at` is the `at` of what was sent last.
ALTER TABLE feedback ADD COLUMN forwarded_at timestamptz;
CREATE INDEX feedback_to_forward ON feedback (at)
WHERE forwarded_at IS NULL OR forwarded_at < at;
