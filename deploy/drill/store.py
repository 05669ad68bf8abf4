"""The statements of the drill."""

from deploy.drill.standby import NAME

FOLLOWED_BY_STANDBY = f"""
ALTER SYSTEM SET synchronous_standby_names = '{NAME}';
SELECT pg_reload_conf() \\g /dev/null
"""
FOLLOWED_BY = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = '{state}';"
CREATE = "CREATE TABLE drill (number integer PRIMARY KEY);"
INSERT = "INSERT INTO drill (number) VALUES ($1) ON CONFLICT DO NOTHING"
NUMBERS = "SELECT number FROM drill;"
