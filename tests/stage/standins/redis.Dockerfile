# Stands in for the official image of this name: Debian's Redis 7.0, the same user and folders.
FROM localhost/neo-base
RUN groupadd -r -g 999 redis && useradd -r -u 999 -g redis redis \
    && apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server >/dev/null \
    && cp /usr/bin/redis-server /usr/local/bin/redis-server \
    && install -d -o redis -g redis /data
WORKDIR /data
CMD ["redis-server"]
