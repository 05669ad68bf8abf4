# Backups of one service, beside its stores: docs/backup.md. Its programs are those of the stores.
ARG REDIS_IMAGE=redis:8.2.10-bookworm@sha256:164c759a0c342ee69d08fc99219382b0fd682181465c0df2e0e6911f4c85d73c
ARG POSTGRES_IMAGE=postgres:16.15-bookworm@sha256:bb3e1a57e5407e0a5280b4211980a5e537f4abd234a87014ac979849a78dd825

# hadolint ignore=DL3006
FROM ${REDIS_IMAGE} AS redis

# hadolint ignore=DL3006
FROM ${POSTGRES_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Code du Travail Neo: backup" \
      org.opencontainers.image.description="Backs the stores of one service up, and brings them back." \
      org.opencontainers.image.licenses="GPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}"
# Folders of Postgres's user: what a volume over them takes as its owner.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y --no-install-recommends restic python3 ca-certificates openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 999 -g 999 -m 700 /var/lib/neo-backup /data \
    && install -d -o 999 -g 999 /var/lib/neo/backups/succeeded
COPY --from=redis /usr/local/bin/redis-server /usr/local/bin/redis-server
COPY deploy/__init__.py /opt/neo/deploy/__init__.py
COPY deploy/backup /opt/neo/deploy/backup
COPY deploy/local /opt/neo/deploy/local
WORKDIR /opt/neo
ENV PYTHONDONTWRITEBYTECODE=1 RESTIC_CACHE_DIR=/var/lib/neo-backup/cache HOME=/tmp
# As Postgres's own user: what a restore writes belongs to it.
USER 999:999
ENTRYPOINT ["python3", "-m", "deploy.backup"]
CMD ["every", "--minutes", "15"]
