# telegram_service: docker build -f deploy/images/telegram.Dockerfile -t neo-telegram .
# The base image is pinned by exact tag; give a digest with --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv /opt/neo && python3 -m venv /opt/bom \
    && /opt/bom/bin/pip install --quiet cyclonedx-bom==7.5.0
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Without the packages themselves, so that a change of ours installs nothing again.
RUN /opt/neo/bin/pip install --quiet --constraint constraints.txt ".[telegram]"
COPY shared shared
COPY telegram_service telegram_service
RUN /opt/neo/bin/pip install --quiet --no-deps --force-reinstall . \
    && /opt/bom/bin/cyclonedx-py environment /opt/neo/bin/python -o /opt/neo/sbom.cdx.json \
    && /opt/neo/bin/pip uninstall --quiet --yes setuptools pip

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Code du Travail Neo: telegram_service" \
      org.opencontainers.image.description="Answers on Telegram: a webhook and its workers." \
      org.opencontainers.image.licenses="GPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}"
RUN groupadd --gid 10001 neo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin neo \
    && install -d -o 999 -g 999 /var/lib/neo/backups/succeeded
COPY --from=build /opt/neo /opt/neo
ENV PATH=/opt/neo/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TELEGRAM_SERVER__HOST=0.0.0.0
USER 10001:10001
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8001/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "telegram_service"]
CMD ["serve"]
