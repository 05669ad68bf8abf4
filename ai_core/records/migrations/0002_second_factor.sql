-- The language an account reads the desk in.
ALTER TABLE accounts ADD COLUMN language text NOT NULL DEFAULT 'fr';

-- What stands in for a lost second factor, once each: hashes.
CREATE TABLE recovery_codes (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    digest bytea NOT NULL,
    PRIMARY KEY (account_id, digest)
);

CREATE INDEX audit_by_account ON audit (account_id, at);
CREATE INDEX audit_by_action ON audit (action, at);
