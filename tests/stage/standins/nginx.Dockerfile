# Stands in for the official image of this name: Debian's nginx 1.22, the same user, prefix and
# templates.
FROM localhost/neo-base
RUN groupadd -r -g 101 nginx && useradd -r -u 101 -g nginx nginx \
    && apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light gettext-base >/dev/null \
    && rm -rf /etc/nginx/sites-enabled /etc/nginx/modules-enabled && mkdir -p /etc/nginx/templates
COPY nginx_entry /usr/local/bin/
STOPSIGNAL SIGQUIT
ENTRYPOINT ["nginx_entry"]
