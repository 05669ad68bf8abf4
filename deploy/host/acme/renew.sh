#!/bin/sh
# renew.sh NAME…: a certificate for each host name, issued when there is none, renewed when less than
# a third of its validity is left (certbot decides), for ever; once when ACME_ONCE is set.
#
#   ACME_CERTIFICATES  where nginx reads them: NAME/fullchain.pem, NAME/privkey.pem
#   ACME_WEBROOT       where nginx finds the challenges (HTTP-01)
#   ACME_HOME          certbot's own folder: account, keys, history; part of the backup
#   ACME_EMAIL         contact address for the authority; may be empty
#   ACME_SERVER        the authority; Let's Encrypt's by default
#   ACME_EDGE          nginx's HOST:PORT for challenges: the authority, which counts what fails, is
#                      asked only once it answers there; without it, at once
set -u
home=${ACME_HOME:-/etc/letsencrypt}
publish=$(dirname "$(readlink -f "$0")")/publish.sh
export ACME_CERTIFICATES ACME_RELOAD="${ACME_RELOAD:-:}"
contact=--register-unsafely-without-email
if [ -n "${ACME_EMAIL:-}" ]; then
    contact="--email $ACME_EMAIL --no-eff-email"
fi
answers='import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
socket.create_connection((host, int(port)), 3)'
while :; do
    until [ -z "${ACME_EDGE:-}" ] || python3 -c "$answers" "$ACME_EDGE" 2>/dev/null; do
        sleep 2
    done
    status=0
    for name in "$@"; do
        # shellcheck disable=SC2086  # the contact is two words or one
        certbot certonly --non-interactive --agree-tos $contact \
            --server "${ACME_SERVER:-https://acme-v02.api.letsencrypt.org/directory}" \
            --config-dir "$home" --work-dir "$home/work" --logs-dir "$home/logs" \
            --webroot --webroot-path "$ACME_WEBROOT" --cert-name "$name" --domain "$name" \
            "${ACME_WHEN:---keep-until-expiring}" --deploy-hook "$publish" ||
            status=$?
    done
    if [ -n "${ACME_ONCE:-}" ]; then
        exit "$status"
    fi
    if [ "$status" = 0 ]; then pause_s=43200; else pause_s=3600; fi
    sleep "$pause_s"
done
