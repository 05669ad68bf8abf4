-- Whether a mail belongs to its conversation by right (its sender is proven, and it began the
-- conversation or answered a letter of ours to them): only then is it shown with the conversation.
-- The others are counted with it, to end loops.
ALTER TABLE mails ADD COLUMN in_thread boolean NOT NULL DEFAULT false;

-- What a person is asked to confirm from their address: the token of the letter, as a keyed
-- fingerprint.
CREATE TABLE confirmations (
    token_print bytea PRIMARY KEY,
    address_print bytea NOT NULL,
    mailbox text NOT NULL,
    action text NOT NULL CHECK (action IN ('erasure', 'copy')),
    asked_by bigint NOT NULL,
    used_by bigint,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (asked_by)
);

CREATE INDEX confirmations_by_address ON confirmations (address_print, created_at);
