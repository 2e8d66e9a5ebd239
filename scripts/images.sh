#!/usr/bin/env bash
# Builds the images: images.sh [operator] [trainer] [sample-store]; without names all three. The trainer takes some five
# minutes and 16 GB of disk the first time, most of it torch with CUDA; a change of code takes seconds.
# BASE_IMAGE chooses another base, TORCH_INDEX_URL an index with a smaller torch, DOCKER_BUILDKIT=1 the newer builder.
. "$(dirname "${BASH_SOURCE[0]}")/../tests/testbed/lib.sh"
. "$TESTBED/docker.sh"
cd "$ROOT"

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(operator trainer sample-store)
ensure_docker
free="$(df -Pk "$(docker info -f '{{.DockerRootDir}}')" | awk 'NR == 2 { print int($4 / 1000000) }')"
[ "$free" -ge 20 ] || have_image retrain-trainer:0.1.0 ||
  die "20 GB of free disk are needed for the images; there are $free in $(docker info -f '{{.DockerRootDir}}')"

version="$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)"
revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
base="$("$TESTBED/base-image.sh" | tail -n 1)"
arguments=(--build-arg "BASE_IMAGE=$base" --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
[ -z "${TORCH_INDEX_URL:-}" ] || arguments+=(--build-arg "TORCH_INDEX_URL=$TORCH_INDEX_URL")
for target in "${targets[@]}"; do
  timed "building retrain-$target:$version" dbuild "retrain-$target:$version" . --target "$target" "${arguments[@]}"
done
# The images that had these names before: without a name they are of no use, and each trainer takes 5 GB.
docker image prune --force --filter label=org.opencontainers.image.title=retrain-operator >/dev/null
