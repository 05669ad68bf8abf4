#!/bin/sh
# Redis of one pod: the master that the Sentinels name, or a replica of it. Of several answers the one
# with the highest configuration epoch counts; at the very first start all of them name pod 0.
set -eu
umask 077
service=${HOSTNAME%-*}
host="$HOSTNAME.$service"
REDISCLI_AUTH=$(cat /run/secrets/redis/password)
export REDISCLI_AUTH

named() {
    for number in 0 1 2; do
        timeout 2 redis-cli -h "$service-$number.$service" -p 26379 --raw SENTINEL MASTER neo 2>/dev/null \
            | awk 'key == "ip" { ip = $0 } key == "config-epoch" { epoch = $0 } { key = $0 }
                   END { if (ip) print epoch, ip }' || true
    done
}

until master=$(named | sort -rn | head -n 1 | cut -d ' ' -f 2) && [ -n "$master" ]; do
    sleep 1
done
{
    echo "include /etc/neo/redis.conf"
    echo "include /etc/neo/policy.conf"
    echo "requirepass $REDISCLI_AUTH"
    echo "masterauth $REDISCLI_AUTH"
    echo "replica-announce-ip $host"
    [ "$master" = "$host" ] || echo "replicaof $master 6379"
} >/run/redis/redis.conf
unset REDISCLI_AUTH
exec redis-server /run/redis/redis.conf
