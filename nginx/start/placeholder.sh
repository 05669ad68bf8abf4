#!/bin/sh
# placeholder.sh FOLDER NAME…: gives each host name a self-signed certificate where it has none, so
# that nginx starts before the first real one is issued. Its key has the mode ACME_MODE, 600 without:
# openssl closes a key to the group, and nginx reads it as one of that.
set -eu
folder=$1
shift
for name in "$@"; do
    if [ ! -s "$folder/$name/fullchain.pem" ]; then
        mkdir -p "$folder/$name"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 \
            -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
            -keyout "$folder/$name/privkey.pem" -out "$folder/$name/fullchain.pem" 2>/dev/null
        chmod "${ACME_MODE:-600}" "$folder/$name/privkey.pem"
    fi
done
