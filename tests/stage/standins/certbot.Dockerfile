# Stands in for the official image of this name: Debian's certbot; then an ACME server to ask.
FROM localhost/neo-base
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends certbot openssl pebble >/dev/null
