#!/bin/sh
# An entry point of the official nginx image, in the compose files: starts reload_on_change.sh beside
# nginx. NGINX_WATCHED names the services whose addresses are watched.
set -eu
export NGINX="nginx -p /tmp/neo -c /tmp/neo/nginx.conf"
# shellcheck disable=SC2086  # several names
/opt/neo/start/reload_on_change.sh /tmp/neo/certificates ${NGINX_WATCHED:-} &
