-- Whose conversation a kept question or a comment belongs to: a keyed fingerprint.
ALTER TABLE questions ADD COLUMN owner bytea;
ALTER TABLE feedback ADD COLUMN owner bytea;
