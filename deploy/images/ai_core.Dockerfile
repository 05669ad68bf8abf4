# ai_core: docker build -f deploy/images/ai_core.Dockerfile -t neo-ai .
# Base images by tag and digest (./neo images), packages by version and hash (./neo lock).
ARG PYTHON_IMAGE=python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84
ARG NODE_IMAGE=node:22.23.2-bookworm-slim@sha256:83f487e0a63425e5b4d146fb5e5be574bcbe1b7b843d3ebafdd95eaf7767a7e5

# The law, from the packages ai_core/law/ingest/sources.py names; the import checks their hashes.
FROM ${NODE_IMAGE} AS law
WORKDIR /law
RUN npm pack --ignore-scripts --silent \
    @socialgouv/legi-data@2.513.0 \
    @socialgouv/fiches-travail-data@4.1174.0 \
    @socialgouv/kali-data@3.449.0

FROM ${PYTHON_IMAGE} AS build
# light: extractive engine and remote models. full: also runs models itself, on the CPU.
ARG VARIANT=light
# 1: build llama.cpp for the processor of the build machine; 0: for any with AVX2.
ARG NATIVE=0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# More extras of pyproject.toml, such as `names`.
ARG EXTRAS=
# A folder of wheels, for a builder that cannot reach TORCH_INDEX.
ARG PIP_FIND_LINKS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY deploy/__init__.py deploy/__init__.py
COPY deploy/local deploy/local
# The locked pip first; then without our own packages, so that a change of ours installs nothing again.
RUN for venv in neo bom; do python3 -m venv "/opt/$venv" \
      && python3 -m deploy.local.locked_packages --only pip >pip.txt \
      && "/opt/$venv/bin/pip" install --quiet --require-hashes --requirement pip.txt || exit 1; done \
    && python3 -m deploy.local.locked_packages ai ${EXTRAS} >ai.txt \
    && /opt/neo/bin/pip install --quiet --require-hashes --constraint constraints.txt --requirement ai.txt \
    && /opt/bom/bin/pip install --quiet --require-hashes --constraint constraints.txt cyclonedx-bom
# torch comes from the wheels at hand or from the CPU index, never with CUDA from elsewhere.
# hadolint ignore=DL3008,DL3009
RUN if [ "${VARIANT}" = full ]; then set -e; \
      apt-get update -qq && apt-get install -y --no-install-recommends build-essential cmake; \
      /opt/neo/bin/pip install --quiet --no-index --no-deps torch==2.13.0 \
        || /opt/neo/bin/pip install --quiet --no-deps --index-url "${TORCH_INDEX}" torch==2.13.0; \
      if [ "${NATIVE}" = 1 ]; then flags="-DGGML_NATIVE=ON"; \
      else flags="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON"; fi; \
      python3 -m deploy.local.locked_packages ai gguf torch onnx >full.txt; \
      CMAKE_ARGS="${flags}" /opt/neo/bin/pip install --quiet --require-hashes \
        --constraint constraints.txt --build-constraint constraints.txt \
        --no-binary llama-cpp-python --requirement full.txt; \
      if /opt/neo/bin/pip list | grep -i '^nvidia-'; then echo "CUDA came along"; exit 1; fi; \
    fi
COPY shared shared
COPY ai_core ai_core
RUN /opt/neo/bin/pip install --quiet --no-deps --no-build-isolation . \
    && /opt/bom/bin/cyclonedx-py environment /opt/neo/bin/python -o /opt/neo/sbom.cdx.json \
    && /opt/neo/bin/pip uninstall --quiet --yes setuptools pip \
    && find /opt/neo/lib/python3*/site-packages/numpy /opt/neo/lib/python3*/site-packages/scipy \
      -type d -name tests -prune -exec rm -rf {} +

FROM build AS index
COPY --from=law /law /law
RUN AI_CORE_DATA_DIR=/var/lib/ai_core /opt/neo/bin/python -m ai_core corpus update --from /law

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
ARG VARIANT=light
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Code du Travail Neo: ai_core (${VARIANT})" \
      org.opencontainers.image.description="Finds the law and answers with it." \
      org.opencontainers.image.licenses="GPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}"
# OpenMP is llama.cpp's and onnxruntime's.
# hadolint ignore=DL3008
RUN groupadd --gid 10001 neo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin neo \
    && install -d -o neo -g neo /var/lib/ai_core /var/lib/ai_core/models /var/lib/ai_core/published \
    && install -d -o 999 -g 999 /var/lib/neo/backups/succeeded \
    && if [ "${VARIANT}" = full ]; then \
      apt-get update -qq && apt-get install -y --no-install-recommends libgomp1 \
      && rm -rf /var/lib/apt/lists/*; fi
COPY --from=build /opt/neo /opt/neo
COPY --from=index /var/lib/ai_core/corpus /var/lib/ai_core/corpus
# The index that finds the knowledge entries, made by the same command.
COPY --from=index /var/lib/ai_core/knowledge /var/lib/ai_core/knowledge
ENV PATH=/opt/neo/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AI_CORE_DATA_DIR=/var/lib/ai_core \
    AI_CORE_SERVER__HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "ai_core"]
CMD ["serve"]
