-- name: position
SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint

-- name: replayed
SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint
WHERE pg_is_in_recovery()
