CREATE TABLE people (
    id bigint PRIMARY KEY,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    reachable boolean NOT NULL DEFAULT true
);

CREATE TABLE preferences (
    owner bigint PRIMARY KEY,
    chosen jsonb NOT NULL,
    changed_at timestamptz NOT NULL
);

-- body is sealed by the vault; the retention job removes a row when it is due
CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    update_id bigint NOT NULL,
    author text NOT NULL CHECK (author IN ('person', 'assistant')),
    person bigint NOT NULL,
    chat bigint NOT NULL,
    thread bigint NOT NULL DEFAULT 0,
    body bytea NOT NULL,
    model text,
    at timestamptz NOT NULL,
    due timestamptz NOT NULL,
    UNIQUE (update_id, author)
);

CREATE INDEX messages_by_person ON messages (person, at);
CREATE INDEX messages_by_due ON messages (due);

CREATE TABLE feedback (
    update_id bigint NOT NULL,
    person bigint NOT NULL,
    chat bigint NOT NULL,
    thumb smallint NOT NULL CHECK (thumb IN (-1, 1)),
    reason text,
    at timestamptz NOT NULL,
    PRIMARY KEY (update_id, person)
);

-- proof that an erasure happened: who it was cannot be read back from the fingerprint
CREATE TABLE receipts (
    id text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    at timestamptz NOT NULL,
    messages integer NOT NULL,
    conversations integer NOT NULL
);

CREATE INDEX receipts_by_fingerprint ON receipts (fingerprint);
