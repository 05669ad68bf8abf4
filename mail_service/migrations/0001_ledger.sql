-- The ledger of mail: what came, what became of it, what was sent. Columns named *_sealed are
-- encrypted by shared.privacy.encryption; *_print are keyed fingerprints, by which a row is found without
-- keeping the address it stands for in clear.

CREATE TABLE conversations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mailbox text NOT NULL,
    participant_print bytea NOT NULL,
    subject_print bytea NOT NULL,
    continues bigint REFERENCES conversations ON DELETE SET NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE mails (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mailbox text NOT NULL,
    identity bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('received', 'silent', 'quarantined', 'review', 'answered',
                                         'rejected', 'dry_run', 'failed', 'erased')),
    reason text NOT NULL DEFAULT '',
    fired text[] NOT NULL DEFAULT '{}',
    size_bytes bigint NOT NULL,
    raw_sealed bytea,
    reading_sealed bytea,
    draft_sealed bytea,
    sender_print bytea,
    domain_print bytea,
    words_print bytea,
    message_id_print bytea,
    conversation_id bigint REFERENCES conversations ON DELETE SET NULL,
    let_through boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    lease_until timestamptz,
    finished_at timestamptz,
    UNIQUE (mailbox, identity)
);

CREATE INDEX mails_due ON mails (next_at) WHERE state = 'received';
CREATE INDEX mails_by_sender ON mails (sender_print, received_at);
CREATE INDEX mails_by_domain ON mails (domain_print, received_at);
CREATE INDEX mails_by_state ON mails (state, received_at);
CREATE INDEX mails_by_conversation ON mails (conversation_id);
CREATE INDEX mails_by_time ON mails (received_at);

-- Where a mail lies on the server. One mail may be seen at several places: a copy, or the same
-- place under a new UIDVALIDITY.
CREATE TABLE sightings (
    mailbox text NOT NULL,
    folder text NOT NULL,
    uid_validity bigint NOT NULL,
    uid bigint NOT NULL,
    mail_id bigint REFERENCES mails ON DELETE SET NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox, folder, uid_validity, uid)
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mail_id bigint NOT NULL REFERENCES mails ON DELETE CASCADE,
    mailbox text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('reply', 'holding', 'erasure')),
    message_id text NOT NULL UNIQUE,
    envelope_token text NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN ('ready', 'sending', 'unknown', 'sent', 'deferred',
                                         'failed')),
    recipient_sealed bytea,
    recipient_print bytea NOT NULL,
    bytes_sealed bytea,
    attempts integer NOT NULL DEFAULT 0,
    handed_over boolean NOT NULL DEFAULT false,
    last_answer text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    lease_until timestamptz,
    sent_at timestamptz,
    bounced_at timestamptz,
    copied boolean NOT NULL DEFAULT false,
    UNIQUE (mail_id, kind)
);

CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('ready', 'deferred', 'sending');
CREATE INDEX outbox_by_state ON outbox (state, created_at);
CREATE INDEX outbox_by_time ON outbox (created_at);
CREATE INDEX outbox_by_recipient ON outbox (recipient_print, created_at);

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mail_id bigint NOT NULL REFERENCES mails ON DELETE CASCADE,
    at timestamptz NOT NULL,
    step text NOT NULL,
    reason text NOT NULL DEFAULT ''
);

CREATE INDEX events_by_mail ON events (mail_id, id);

-- What was erased must not come back when the server shows the mail again.
CREATE TABLE tombstones (
    identity bytea PRIMARY KEY,
    at timestamptz NOT NULL
);

-- Mail systems told us, for good, that nobody is there.
CREATE TABLE dead_addresses (
    recipient_print bytea PRIMARY KEY,
    hard_bounces integer NOT NULL,
    at timestamptz NOT NULL
);
