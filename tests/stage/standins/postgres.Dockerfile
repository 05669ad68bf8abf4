# Stands in for the official image of this name: Debian's Postgres 15, the same user, folders and
# POSTGRES_… variables; then the libraries of the redis-server that a backup carries.
FROM localhost/neo-base
RUN groupadd -r -g 999 postgres && useradd -r -u 999 -g postgres -d /var/lib/postgresql postgres \
    && mkdir -p /usr/share/man/man1 /usr/share/man/man7 \
    && export DEBIAN_FRONTEND=noninteractive && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends postgresql-common \
        libatomic1 libjemalloc2 liblua5.1-0 liblzf1 libssl3 libsystemd0 lua-bitop lua-cjson \
    && sed -i 's/^#create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
    && apt-get install -y -qq --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/postgresql/15 /etc/postgresql/15 \
    && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data \
    && install -d -o postgres -g postgres -m 3777 /var/run/postgresql
COPY postgres_entry /usr/local/bin/
# podman lays a tmpfs over /run, and the mode of what lies there is lost: the socket is in /tmp here.
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data PGHOST=/tmp \
    BACKUP_POSTGRES_BINARIES=/usr/lib/postgresql/15/bin
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres_entry"]
