INSERT INTO schema_versions (number, name) VALUES ($1, $2)
