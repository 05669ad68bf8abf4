SELECT number FROM schema_versions ORDER BY number
