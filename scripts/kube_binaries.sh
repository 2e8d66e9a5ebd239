#!/usr/bin/env bash
# Prints the folder (last line of stdout) that holds the programs of a Kubernetes control plane for the tests:
#
#   scripts/kube_binaries.sh [PROGRAM...]
#
# Without names: etcd kube-apiserver kube-controller-manager kubectl. Others: kube-scheduler, kubelet, kubeadm,
# kube-proxy, kwok, kind.
# $KUBEBUILDER_ASSETS is taken where it holds them all. Else they are kept in the cache, and what is missing there is
# downloaded (under a minute), or built with Go (about ten minutes on two cores for all of them).
set -euo pipefail

KUBE_VERSION=v1.34.4
ENVTEST_VERSION=v1.34.1 # the newest envtest archive of this minor version
ETCD_VERSION=v3.6.5
KWOK_VERSION=v0.8.0
KIND_VERSION=v0.33.0

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/retrain-operator"
FOLDER="$CACHE/kube-$KUBE_VERSION"
SOURCES="$CACHE/kube-src-$KUBE_VERSION"
PROGRAMS=("$@")
[ ${#PROGRAMS[@]} -gt 0 ] || PROGRAMS=(etcd kube-apiserver kube-controller-manager kubectl)

say() { echo "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# missing FOLDER: the wanted programs that FOLDER lacks, one a line.
missing() {
  local name
  for name in "${PROGRAMS[@]}"; do [ -x "$1/$name" ] || echo "$name"; done
}

is_missing() { missing "$FOLDER" | grep -qx "$1"; }

platform() {
  local arch
  case "$(uname -m)" in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) arch="$(uname -m)" ;;
  esac
  echo "$(uname -s | tr '[:upper:]' '[:lower:]')/$arch"
}

# download URL FILE: true if it came. A closed network costs seconds.
download() {
  command -v curl >/dev/null || return 1
  say "downloading $1"
  curl --fail --silent --location --connect-timeout 4 --speed-time 10 --speed-limit 10000 --max-time 600 \
    --output "$2" "$1" || { say "  not to be had there"; return 1; }
}

# checked FILE SUM SIZE: true if the hexadecimal SUM of sha SIZE is that of FILE.
checked() {
  local sum
  if command -v "sha$3sum" >/dev/null; then sum="$("sha$3sum" "$1")"; else sum="$(shasum -a "$3" "$1")"; fi
  [ "${sum%% *}" = "$2" ] || { say "  its checksum is wrong: thrown away"; return 1; }
}

# keep FILE NAME: FILE becomes the program NAME, in one step: two tests may run this at once.
keep() {
  chmod +x "$1"
  mv "$1" "$FOLDER/$2"
}

download_envtest() {
  local name file url sum any=
  for name in etcd kube-apiserver kubectl; do ! is_missing "$name" || any=1; done
  [ -n "$any" ] || return 0
  file="envtest-$ENVTEST_VERSION-$(platform | tr / -).tar.gz"
  url="https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-$ENVTEST_VERSION/$file"
  download "$url" "$WORK/$file" && download "$url.sha512" "$WORK/$file.sha512" || return 1
  read -r sum _ <"$WORK/$file.sha512"
  checked "$WORK/$file" "$sum" 512 || return 1
  tar -xzf "$WORK/$file" -C "$WORK"
  for name in etcd kube-apiserver kubectl; do
    ! is_missing "$name" || keep "$WORK/controller-tools/envtest/$name" "$name"
  done
}

# The release site has the control plane's programs for Linux alone.
download_released() {
  local name url
  for name in kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kubeadm kube-proxy; do
    is_missing "$name" || continue
    url="https://dl.k8s.io/release/$KUBE_VERSION/bin/$(platform)/$name"
    download "$url.sha256" "$WORK/$name.sha256" && download "$url" "$WORK/$name" || return 1
    checked "$WORK/$name" "$(cat "$WORK/$name.sha256")" 256 || return 1
    keep "$WORK/$name" "$name"
  done
}

download_kwok() {
  is_missing kwok || return 0
  local url="https://github.com/kubernetes-sigs/kwok/releases/download/$KWOK_VERSION/kwok-$(platform | tr / -)"
  download "$url" "$WORK/kwok" && keep "$WORK/kwok" kwok
}

download_kind() {
  is_missing kind || return 0
  local url="https://github.com/kubernetes-sigs/kind/releases/download/$KIND_VERSION/kind-$(platform | tr / -)" sum
  download "$url.sha256sum" "$WORK/kind.sum" && download "$url" "$WORK/kind" || return 1
  read -r sum _ <"$WORK/kind.sum"
  checked "$WORK/kind" "$sum" 256 && keep "$WORK/kind" kind
}

# own_module NAME MODULE@VERSION: enter a module of our own that requires MODULE. `go install MODULE@VERSION` refuses
# modules with replace directives.
own_module() {
  mkdir -p "$SOURCES/$1"
  cd "$SOURCES/$1"
  [ -f go.mod ] || printf 'module local/%s\n\ngo 1.24.0\n\nrequire %s %s\n' "$1" "${2%@*}" "${2##*@}" >go.mod
}

# with_staging MODULE@VERSION WANTED: the module's own replacements of its k8s.io parts by folders, which its published
# archive lacks, become the published parts of the version WANTED: the same code.
with_staging() {
  local source
  ! grep -q '^replace' go.mod || return 0
  source="$(go mod download -json "$1" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')"
  [ -n "$source" ] || die "cannot download $1: is a Go module proxy reachable?"
  {
    sed -n '/^module/p' go.mod
    grep -E '^(go|godebug) ' "$source"
    printf '\nrequire %s %s\n\nreplace (\n' "${1%@*}" "${1##*@}"
    sed -n "s|^[[:space:]]*\([^ ]*\) => \./staging/.*|\t\1 => \1 $2|p" "$source"
    printf ')\n'
  } >go.mod.new
  mv go.mod.new go.mod
}

# build NAME PACKAGE LDFLAGS, in the module of the current folder.
build() {
  local begun=$SECONDS
  say "building $1 with Go: this takes minutes"
  go build -trimpath -buildvcs=false -ldflags "-s -w $3" -o "$FOLDER/$1.$$.new" "$2"
  mv "$FOLDER/$1.$$.new" "$FOLDER/$1"
  say "  built in $((SECONDS - begun)) s"
}

build_kubernetes() {
  local name flags variable=k8s.io/component-base/version minor="${KUBE_VERSION#v1.}"
  own_module kubernetes "k8s.io/kubernetes@$KUBE_VERSION"
  with_staging "k8s.io/kubernetes@$KUBE_VERSION" "v0.$minor"
  # Without these the programs say that they are v0.0.0-master.
  flags="-X $variable.gitVersion=$KUBE_VERSION -X $variable.gitMajor=1 -X $variable.gitMinor=${minor%%.*}"
  flags="$flags -X $variable.gitTreeState=clean -X $variable.gitCommit=unknown"
  for name in "$@"; do build "$name" "k8s.io/kubernetes/cmd/$name" "$flags"; done
}

build_missing() {
  local name
  command -v go >/dev/null ||
    die "missing: $(missing "$FOLDER" | xargs). They can't be downloaded here, and Go 1.24 or later is not on PATH to" \
      "build them. Install Go, or set KUBEBUILDER_ASSETS to a folder that has them."
  export CGO_ENABLED=0 GOFLAGS=-mod=mod
  for name in $(missing "$FOLDER"); do
    case "$name" in
      etcd) (own_module etcd "go.etcd.io/etcd/server/v3@$ETCD_VERSION" && build etcd go.etcd.io/etcd/server/v3 "") ;;
      kind) (own_module kind "sigs.k8s.io/kind@$KIND_VERSION" && build kind sigs.k8s.io/kind "") ;;
      kwok) (own_module kwok "sigs.k8s.io/kwok@$KWOK_VERSION" && build kwok sigs.k8s.io/kwok/cmd/kwok "") ;;
      *) (build_kubernetes "$name") ;;
    esac
  done
}

for name in "${PROGRAMS[@]}"; do
  case "$name" in
    etcd | kube-apiserver | kube-controller-manager | kube-scheduler | kubectl) ;;
    kubelet | kubeadm | kube-proxy | kwok | kind) ;;
    *) die "no such program: $name. Known: etcd kube-apiserver kube-controller-manager kube-scheduler kubectl" \
      "kubelet kubeadm kube-proxy kwok kind." ;;
  esac
done
if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -z "$(missing "$KUBEBUILDER_ASSETS")" ]; then
  echo "$KUBEBUILDER_ASSETS"
  exit
fi
mkdir -p "$FOLDER"
if [ -n "$(missing "$FOLDER")" ]; then
  say "getting $(missing "$FOLDER" | xargs) of Kubernetes $KUBE_VERSION into $FOLDER"
  WORK="$(mktemp -d "$FOLDER/download.XXXXXX")"
  trap 'rm -rf "$WORK"' EXIT
  download_envtest || true
  download_released || true
  download_kwok || true
  download_kind || true
  [ -z "$(missing "$FOLDER")" ] || build_missing
fi
[ -z "$(missing "$FOLDER")" ] || die "still missing in $FOLDER: $(missing "$FOLDER" | xargs)"
echo "$FOLDER"
