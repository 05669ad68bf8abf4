#!/bin/sh
# Sentinel of one pod. It writes what it learns into its own file, which is kept beside the data: after
# a restart of everything the last master is known, not pod 0.
set -eu
umask 077
service=${HOSTNAME%-*}
password=$(cat /run/secrets/redis/password)
file=/data/sentinel.conf
if [ ! -s "$file" ]; then
    cat >"$file.new" <<CONF
port 26379
dir /data
requirepass $password
sentinel sentinel-pass $password
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $HOSTNAME.$service
sentinel monitor neo $service-0.$service 6379 2
sentinel auth-pass neo $password
sentinel down-after-milliseconds neo 5000
sentinel failover-timeout neo 30000
sentinel parallel-syncs neo 1
CONF
    mv "$file.new" "$file"
fi
exec redis-server "$file" --sentinel
