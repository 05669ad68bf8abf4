# mail_service: docker build -f deploy/images/mail.Dockerfile -t neo-mail .
# The base image by tag and digest (./neo images), packages by version and hash (./neo lock).
ARG PYTHON_IMAGE=python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# More extras of pyproject.toml, such as `names ocr`.
ARG EXTRAS=
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY deploy/__init__.py deploy/__init__.py
COPY deploy/local deploy/local
# The locked pip first; then without our own packages, so that a change of ours installs nothing again.
RUN for venv in neo bom; do python3 -m venv "/opt/$venv" \
      && python3 -m deploy.local.locked_packages --only pip >pip.txt \
      && "/opt/$venv/bin/pip" install --quiet --require-hashes --requirement pip.txt || exit 1; done \
    && python3 -m deploy.local.locked_packages mail ${EXTRAS} >mail.txt \
    && /opt/neo/bin/pip install --quiet --require-hashes --constraint constraints.txt --requirement mail.txt \
    && /opt/bom/bin/pip install --quiet --require-hashes --constraint constraints.txt cyclonedx-bom
COPY shared shared
COPY mail_service mail_service
RUN /opt/neo/bin/pip install --quiet --no-deps --no-build-isolation . \
    && /opt/bom/bin/cyclonedx-py environment /opt/neo/bin/python -o /opt/neo/sbom.cdx.json \
    && /opt/neo/bin/pip uninstall --quiet --yes setuptools pip

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
# The same extras again: `ocr` also brings the weights for Thai.
ARG EXTRAS=
LABEL org.opencontainers.image.title="Code du Travail Neo: mail_service" \
      org.opencontainers.image.description="Answers the support mailbox, or says why not." \
      org.opencontainers.image.licenses="GPL-3.0-or-later AND GPL-3.0-only" \
      org.opencontainers.image.version="${VERSION}"
# hadolint ignore=DL3008
RUN groupadd --gid 10001 neo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin neo \
    && install -d -o 999 -g 999 /var/lib/neo/backups/succeeded \
    && case " ${EXTRAS} " in *" ocr "*) \
      apt-get update -qq && apt-get install -y --no-install-recommends tesseract-ocr-tha \
      && rm -rf /var/lib/apt/lists/*;; esac
COPY --from=build /opt/neo /opt/neo
ENV PATH=/opt/neo/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MAIL_SERVER__HOST=0.0.0.0
USER 10001:10001
EXPOSE 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8002/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "mail_service"]
CMD ["serve"]
