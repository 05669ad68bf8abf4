# Stands in for the official image of this name: Debian's Prometheus 2.42, the same folder.
FROM localhost/neo-base
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null \
    && rm -rf /etc/prometheus && install -d -o nobody -g nogroup /etc/prometheus /prometheus
ENTRYPOINT ["prometheus"]
