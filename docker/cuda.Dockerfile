# The service on an NVIDIA GPU. Build it from the repository's root, and run it with --gpus:
#   docker build -f docker/cuda.Dockerfile -t salgan:cuda .
#   docker run --gpus all --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 salgan:cuda
# CUDA 13 and cuDNN 9, for which the ONNX Runtime below is built.
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS base
ENV DEBIAN_FRONTEND=noninteractive
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 python3-venv \
  && rm -rf /var/lib/apt/lists/*

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/salgan
WORKDIR /build
COPY pyproject.toml README.md LICENSE THIRD_PARTY.md ./
COPY src src
# ONNX Runtime's builds overwrite each other's files, so the one for CPUs has to go first.
RUN /opt/salgan/bin/pip install ".[serve]" \
  && /opt/salgan/bin/pip uninstall --yes onnxruntime \
  && /opt/salgan/bin/pip install "onnxruntime-gpu>=1.27,<1.32" \
  && /opt/salgan/bin/python -m compileall -q /opt/salgan/lib

FROM base
COPY --from=build /opt/salgan /opt/salgan
# With a named device the service does not start where the GPU cannot be used, instead of being slow.
ENV PATH=/opt/salgan/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SALGAN_CACHE=/tmp/salgan \
  SALGAN_DEVICE=cuda
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
  CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["salgan"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
