# Stands in for the official image of this name: Debian's Alertmanager 0.25, the same folder.
FROM localhost/neo-base
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-alertmanager >/dev/null \
    && install -d -o nobody -g nogroup /alertmanager
ENTRYPOINT ["prometheus-alertmanager"]
