# Stands in for the official image of this name: Debian's npm.
FROM localhost/neo-base
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null
