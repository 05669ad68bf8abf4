-- What was chosen is sealed by the vault; `chosen` stays empty.
ALTER TABLE preferences ADD COLUMN sealed bytea;
