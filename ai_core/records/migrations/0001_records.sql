-- One row for each answer; nothing in it is about a person (ai_core/records/events.py).
CREATE TABLE events (
    at timestamptz NOT NULL,
    answer_id text NOT NULL,
    channel text NOT NULL,
    language text NOT NULL,
    topic text,
    entry text,
    confidence text,
    outcome text NOT NULL,
    reason text,
    model text NOT NULL,
    cached boolean NOT NULL,
    latency_ms integer NOT NULL,
    PRIMARY KEY (at, answer_id)
) PARTITION BY RANGE (at);

CREATE INDEX events_by_answer ON events (answer_id);

-- The words of a question, masked and sealed, where the operator keeps them.
CREATE TABLE questions (
    answer_id text PRIMARY KEY,
    at timestamptz NOT NULL,
    sealed bytea NOT NULL,
    conversation bytea
);

CREATE INDEX questions_by_time ON questions (at);
CREATE INDEX questions_by_conversation ON questions (conversation);

-- caller and conversation are keyed fingerprints; the comment is masked and sealed
CREATE TABLE feedback (
    answer_id text NOT NULL,
    caller bytea NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('up', 'down')),
    reason text,
    comment bytea,
    channel text NOT NULL,
    conversation bytea,
    at timestamptz NOT NULL,
    PRIMARY KEY (answer_id, caller)
);

CREATE INDEX feedback_by_time ON feedback (at);
CREATE INDEX feedback_by_conversation ON feedback (conversation);

-- Conversations whose author, or whose channel, chose that they are kept. name and owner are keyed
-- fingerprints.
CREATE TABLE conversations (
    name bytea PRIMARY KEY,
    began_at timestamptz NOT NULL,
    owner bytea NOT NULL,
    channel text NOT NULL,
    language text NOT NULL
);

CREATE INDEX conversations_by_time ON conversations (began_at);

CREATE TABLE turns (
    conversation bytea NOT NULL,
    at timestamptz NOT NULL,
    number integer NOT NULL,
    answer_id text,
    sealed bytea NOT NULL,
    PRIMARY KEY (conversation, at, number)
) PARTITION BY RANGE (at);

-- The operator's own entries; published is the version that answers, null when none does.
CREATE TABLE entries (
    topic_id text PRIMARY KEY,
    published integer,
    changed_at timestamptz NOT NULL
);

CREATE TABLE entry_versions (
    topic_id text NOT NULL REFERENCES entries,
    version integer NOT NULL,
    body jsonb NOT NULL,
    saved_by text NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (topic_id, version)
);

CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    role text NOT NULL,
    password_hash text,
    totp_sealed bytea,
    oidc_issuer text,
    oidc_subject text,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    last_login_at timestamptz,
    UNIQUE (oidc_issuer, oidc_subject)
);

-- account_name stays when the account is gone
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    account_id bigint,
    account_name text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_by_time ON audit (at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The partition of a table for the month (UTC) that a day is in; nothing when it is there.
CREATE FUNCTION add_month(parent text, day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    next date := (date_trunc('month', day) + interval '1 month')::date;
    name text := parent || to_char(first, '_YYYY_MM');
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(7305202);
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        name, parent, first || ' 00:00:00+00', next || ' 00:00:00+00'
    );
END
$$;

-- Drop the partitions of a table whose month ended before a day; return how many.
CREATE FUNCTION drop_months(parent text, before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    FOR name IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = to_regclass(quote_ident(parent))
          AND to_date(right(child.relname, 7), 'YYYY_MM') + interval '1 month' <= before
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
