#!/bin/sh
# copy_host_files.sh FOLDER: the settings, secrets (but the vault keys) and certificates of a host without Docker, for
# Postgres's user alone, who makes its backups and may not read them where they are. Runs as root.
set -eu
target=$1
rm -rf "$target"
install -d -m 700 "$target"
here=$(dirname "$(readlink -f "$0")")
cp -R "$here/../env" "$here/../secrets" "$target"
for folder in /etc/neo /etc/letsencrypt; do
    if [ -d "$folder" ]; then cp -R "$folder" "$target"; fi
done
find "$target" -name "*_vault" -delete
chown -R postgres "$target"
