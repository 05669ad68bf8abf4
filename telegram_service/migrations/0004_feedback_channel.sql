-- The channel a thumb was given on: ai_core counts each by itself.
ALTER TABLE feedback ADD COLUMN channel text NOT NULL DEFAULT 'telegram';
