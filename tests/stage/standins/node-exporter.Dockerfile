# Stands in for the official image of this name: Debian's node exporter 1.5.
FROM localhost/neo-base
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-node-exporter >/dev/null
ENTRYPOINT ["prometheus-node-exporter"]
