"""Redis and Postgres connections."""
