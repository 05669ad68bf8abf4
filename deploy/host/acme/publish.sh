#!/bin/sh
# certbot's --deploy-hook: puts a new certificate where nginx reads it, key
# first and each in one move, so that nginx never meets half a pair for long. Then ACME_RELOAD, where
# nginx does not watch the folder itself.
set -eu
name=$(basename "$RENEWED_LINEAGE")
target=$ACME_CERTIFICATES/$name
mkdir -p "$target"
for file in privkey.pem fullchain.pem; do
    cp -L "$RENEWED_LINEAGE/$file" "$target/$file.new"
    chmod "${ACME_MODE:-600}" "$target/$file.new"
done
mv "$target/privkey.pem.new" "$target/privkey.pem"
mv "$target/fullchain.pem.new" "$target/fullchain.pem"
${ACME_RELOAD:-:}
