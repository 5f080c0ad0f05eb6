# syntax=docker/dockerfile:1
# The environment is made in the first stage and copied into the second, which has no build tools and runs as a plain user.
#   docker build -t spikebridge .                        CPU
#   docker build -t spikebridge --build-arg TORCH=cuda . NVIDIA GPU (run it with --gpus all)
#   docker run --init --rm -p 127.0.0.1:5000:5000 spikebridge

FROM python:3.11-slim AS builder
ARG TORCH=cpu
ENV SPIKEBRIDGE_TORCH=${TORCH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /app
# What the environment depends on comes first, so that a change of the source leaves this layer alone.
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY scripts scripts
COPY src/spikebridge/__init__.py src/spikebridge/__init__.py
RUN python scripts/install.py --into /app/.venv --without-dev

FROM python:3.11-slim AS runtime
RUN useradd --create-home --uid 1000 spikebridge \
    && install --directory --owner=spikebridge --group=spikebridge /app
ENV PATH=/app/.venv/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    GIT_PYTHON_REFRESH=quiet \
    DVC_NO_ANALYTICS=1
USER 1000:1000
WORKDIR /app
COPY --from=builder --chown=spikebridge:spikebridge /app/.venv .venv
COPY --chown=spikebridge:spikebridge . .
# The image holds no Git history; DVC is told so. The folders exist before they become volumes, so that the user owns them.
RUN dvc config --local core.no_scm true \
    && mkdir -p data runs reports mlruns .dvc/cache
VOLUME ["/app/data", "/app/runs", "/app/reports", "/app/mlruns", "/app/.dvc/cache"]
EXPOSE 5000
# The interface comes up when the pipeline is through: until then the container counts as starting, not as ill.
HEALTHCHECK --interval=30s --timeout=10s --start-period=6h --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5000/health', timeout=5)"]
CMD ["sh", "scripts/docker_run.sh"]
