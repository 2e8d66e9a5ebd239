# Settings and words that the scripts of the test bed share. Sourced, not run.
# shellcheck shell=bash

set -o errexit -o nounset -o pipefail

TESTBED="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$TESTBED/../.." && pwd)"

# Kubernetes stays at 1.34: a kubelet of 1.35 or later refuses cgroup v1. Both are the versions of kube_binaries.sh.
KUBE_VERSION=v1.34.4
KIND_VERSION=v0.33.0
PUBLISHED_NODE_IMAGE="${PUBLISHED_NODE_IMAGE:-kindest/node:v1.34.3}"
PUBLISHED_BASE_IMAGE="${PUBLISHED_BASE_IMAGE:-python:3.12-slim-bookworm}"
DEBIAN_SUITE="${DEBIAN_SUITE:-bookworm}"

LOCAL_BASE_IMAGE="retrain-testbed/base:$DEBIAN_SUITE"
LOCAL_NODE_IMAGE="retrain-testbed/node:$KUBE_VERSION"
CLUSTER="${RETRAIN_CLUSTER:-retrain}"

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/retrain-operator"
BED="$CACHE/testbed"
PARTS="$BED/parts-$KUBE_VERSION" # what is built here and is no program of Kubernetes: coredns, pause
KUBECONFIG_FILE="$BED/kubeconfig-$CLUSTER"
LOGS="$BED/logs"
# Not below PARTS: a docker daemon's configuration may name it.
RUNC_BOUNDED="$BED/runc-bounded"
DOCKER_CONF=/etc/docker/daemon.json
mkdir -p "$BED" "$PARTS" "$LOGS"

# The classic builder: it works without the buildx plugin.
export DOCKER_BUILDKIT="${DOCKER_BUILDKIT:-0}"

say() { printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# timed LABEL COMMAND...: run it, and say how long it took.
timed() {
  local label="$1" start="$SECONDS"
  shift
  say "$label ..."
  # "|| return": inside an "if", errexit does not hold.
  "$@" || return
  say "$label: done in $((SECONDS - start)) s"
}

# programs NAME...: puts the folder of these programs of Kubernetes first on PATH, building what is missing.
programs() {
  BIN="$("$ROOT/scripts/kube_binaries.sh" "$@" | tail -n 1)"
  export PATH="$BIN:$PATH"
}

have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# pulled IMAGE: true if it is here, or could be pulled. A closed network costs seconds.
pulled() {
  have_image "$1" && return 0
  say "pulling $1"
  timeout 900 docker pull --quiet "$1" >/dev/null 2>&1 || { say "  not to be had here"; return 1; }
}

# dbuild TAG CONTEXT [ARG...]: a docker build whose output is kept in a file. Host network: package mirrors are reached
# with the resolver, the routes and the proxy settings of this machine.
dbuild() {
  local tag="$1" context="$2" args=() v file
  shift 2
  file="$LOGS/build-$(tr -c 'a-z0-9\n' '-' <<<"$tag").log"
  for v in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!v:-}" ] || args+=(--build-arg "$v")
  done
  docker build --network=host "${args[@]}" "$@" -t "$tag" "$context" >"$file" 2>&1 ||
    { tail -n 30 "$file" >&2; die "docker build of $tag failed; all that it said is in $file"; }
}

# kubectl against the test bed alone, whatever the caller's KUBECONFIG says.
kc() { "$BIN/kubectl" --kubeconfig "$KUBECONFIG_FILE" "$@"; }
