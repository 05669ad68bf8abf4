-- name: insert_event
INSERT INTO events (mail_id, at, step, reason) VALUES (:mail_id, :now, :step, :reason)

-- name: insert_tombstones
INSERT INTO tombstones (identity, at) SELECT unnest(:identities::bytea[]), :now::timestamptz
ON CONFLICT DO NOTHING
