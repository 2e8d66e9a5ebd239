#!/usr/bin/env bash
# Prints the name of a node image for kind: the published one where it can be pulled, else one built here from Debian
# packages and Go modules, which takes some 15 minutes on two cores the first time:
#   1. the programs of Kubernetes (scripts/kube_binaries.sh), and the rest (binaries.sh); cached
#   2. a small Debian (base-image.sh)
#   3. the images of the control plane, kube-proxy, etcd, CoreDNS and pause
#   4. the node: node/Dockerfile, then (3) preloaded into its containerd
# --rebuild makes 3 and 4 again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$TESTBED/docker.sh"

PROGRAMS=(kubeadm kubectl kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd)

# image_named NAME: the one of kubeadm's images that ends in /NAME:TAG. Nothing of that name is pulled.
image_named() { grep "/$1:" <<<"$IMAGES" || die "kubeadm names no image $1"; }

# program NAME: where it is.
program() { if [ -x "$PARTS/$1" ]; then echo "$PARTS/$1"; else echo "$BIN/$1"; fi; }

# scratch_image TAG PROGRAM PATH [DOCKERFILE LINE]: one static program.
scratch_image() {
  local context="$STAGE/$2"
  mkdir -p "$context"
  cp --reflink=auto "$(program "$2")" "$context/"
  printf 'FROM scratch\nENV PATH=/usr/local/bin\nCOPY %s %s\n%s\n' "$2" "$3" "${4:-}" >"$context/Dockerfile"
  dbuild "$1" "$context"
  rm -rf "$context"
}

# kube-proxy runs iptables, so it is the one that needs a Debian.
build_kube_proxy() {
  local context="$STAGE/proxy"
  mkdir -p "$context"
  cp --reflink=auto "$BIN/kube-proxy" "$context/"
  cat >"$context/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends iptables nftables kmod \\
 && apt-get clean \\
 && rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /var/log/* /usr/share/doc/* /usr/share/man/*
COPY kube-proxy /usr/local/bin/kube-proxy
DOCKERFILE
  dbuild "$1" "$context"
  rm -rf "$context"
}

# The images that kubeadm names, each around the program of its name.
build_components() {
  local image name
  for image in $IMAGES; do
    name="${image%:*}"
    name="${name##*/}"
    case "$name" in
      kube-apiserver | kube-controller-manager | kube-scheduler | etcd)
        scratch_image "$image" "$name" "/usr/local/bin/$name" ;;
      coredns | pause)
        scratch_image "$image" "$name" "/$name" "ENTRYPOINT [\"/$name\"]" ;;
      kube-proxy) build_kube_proxy "$image" ;;
      *) die "kubeadm $KUBE_VERSION names an image that is new here: $image" ;;
    esac
  done
}

# The node without its images.
build_bare_node() {
  local context="$STAGE/node" name
  mkdir -p "$context/bin"
  cp -r "$TESTBED/node/." "$context/"
  cp -r "$BED/kind-files-$KIND_VERSION" "$context/kind-files"
  rm -f "$context/kind-files/usr/local/bin/clean-install"
  for name in kubeadm kubectl kubelet; do
    cp --reflink=auto "$BIN/$name" "$context/bin/"
  done
  dbuild "$LOCAL_NODE_IMAGE-bare" "$context" --build-arg "BASE_IMAGE=$BASE" \
    --build-arg "PAUSE_IMAGE=$(image_named pause)" --build-arg "K8S_VERSION=$KUBE_VERSION"
  rm -rf "$context"
}

# Import the images into the node's containerd (content only: they are unpacked by the cluster, on first use) and
# commit. This is what "kind build node-image" does as well; a RUN step would need the archive in a layer.
preload() {
  local i name listed
  BUILDER="$(docker run -d --security-opt seccomp=unconfined --entrypoint sleep "$LOCAL_NODE_IMAGE-bare" infinity)"
  docker exec -d "$BUILDER" containerd
  for i in $(seq 30); do
    docker exec "$BUILDER" sh -c '[ -S /run/containerd/containerd.sock ] && timeout 5 ctr version' >/dev/null 2>&1 && break
    [ "$i" -lt 30 ] || die "containerd does not start in the build container"
    sleep 1
  done
  # shellcheck disable=SC2086
  docker save $IMAGES |
    docker exec -i "$BUILDER" ctr --namespace=k8s.io images import --all-platforms --no-unpack - >/dev/null
  listed="$(docker exec "$BUILDER" ctr --namespace=k8s.io images list -q)"
  for name in $IMAGES; do
    grep -qxF "$name" <<<"$listed" || die "$name did not arrive in the node image"
  done
  docker exec "$BUILDER" sh -c 'pkill -x containerd; while pgrep -x containerd >/dev/null; do sleep 0.2; done'
  docker commit --change 'ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]' --change 'CMD []' \
    "$BUILDER" "$LOCAL_NODE_IMAGE" >/dev/null
}

cleanup() {
  [ -z "$BUILDER" ] || docker rm -fv "$BUILDER" >/dev/null 2>&1 || true
  rm -rf "$STAGE"
}

build() {
  say "the node image is built here: some 15 minutes the first time, 2 where the programs are in the cache"
  programs "${PROGRAMS[@]}"
  "$TESTBED/binaries.sh"
  BASE="$("$TESTBED/base-image.sh" --own)"
  IMAGES="$("$BIN/kubeadm" config images list --kubernetes-version "$KUBE_VERSION")"
  STAGE="$(mktemp -d "$BED/stage.XXXXXX")" BUILDER=
  trap cleanup EXIT
  timed "images of the control plane" build_components
  timed "the node" build_bare_node
  timed "preloading the images into it" preload
}

ensure_docker
if [ "${1:-}" = --rebuild ]; then
  build
elif ! have_image "$LOCAL_NODE_IMAGE" && pulled "$PUBLISHED_NODE_IMAGE"; then
  echo "$PUBLISHED_NODE_IMAGE"
  exit
elif ! have_image "$LOCAL_NODE_IMAGE"; then
  build
fi
echo "$LOCAL_NODE_IMAGE"
