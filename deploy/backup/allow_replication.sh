#!/bin/sh
# For /docker-entrypoint-initdb.d of the official Postgres image: lets the backup, which is another
# container of the same internal network, copy the cluster and its log, by password.
set -eu
echo "host replication $POSTGRES_USER samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
