-- Whether a letter helped, as its reader says by the link in it; the last click counts.
CREATE TABLE feedback (
    mail_id bigint PRIMARY KEY REFERENCES mails ON DELETE CASCADE,
    helped boolean NOT NULL,
    at timestamptz NOT NULL
);
