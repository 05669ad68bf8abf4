#!/bin/sh
# reload_on_change.sh FOLDER [NAME…]: reloads nginx, without dropping a request, when a certificate
# in FOLDER changes, or the addresses behind a service's NAME do (more or fewer instances: nginx
# looks names up only when it loads). Runs beside nginx; NGINX says how nginx is called.
set -eu
folder=$1
shift
state() {
    cat "$folder"/*/*.pem | cksum
    for name in "$@"; do
        getent ahostsv4 "$name" | sort -u || echo "$name: none"
    done
}
before=$(state "$@")
while sleep "${NGINX_LOOK_EVERY_S:-30}"; do
    now=$(state "$@")
    if [ "$now" != "$before" ] && ${NGINX:-nginx} -t -q; then
        ${NGINX:-nginx} -s reload
        before=$now
    fi
done
