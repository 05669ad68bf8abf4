CREATE TABLE IF NOT EXISTS schema_versions (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
