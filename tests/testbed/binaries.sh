#!/usr/bin/env bash
# Builds what a node needs beside the programs of Kubernetes, from Go modules, into the cache: coredns, pause, and
# kind's own files for a node. Static binaries; what is there is not built again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v go >/dev/null || die "the node image is built here, which needs Go 1.24 or later on PATH"
export CGO_ENABLED=0 GOFLAGS=-mod=mod
programs kubeadm

# gobuild NAME PACKAGE, in the module of the current folder. -buildvcs is off: it has no history.
gobuild() {
  timed "building $1 with Go" go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$PARTS/$1.new" "$2"
  mv "$PARTS/$1.new" "$PARTS/$1"
}

# enter NAME [MODULE VERSION]: an own module, which requires MODULE. Leaves us in its folder.
enter() {
  mkdir -p "$BED/src/$1"
  cd "$BED/src/$1"
  printf 'module local/%s\n\ngo 1.24.0\n' "$1" >go.mod
  [ -z "${2:-}" ] || printf '\nrequire %s %s\n' "$2" "$3" >>go.mod
}

build_coredns() {
  [ ! -x "$PARTS/coredns" ] || return 0
  local image
  image="$(kubeadm config images list --kubernetes-version "$KUBE_VERSION" | grep /coredns:)"
  enter coredns github.com/coredns/coredns "${image##*:}"
  # Only the plugins that kubeadm's Corefile names: the full set pulls in the libraries of three clouds.
  {
    printf 'package main\n\nimport (\n\t"github.com/coredns/coredns/coremain"\n\n'
    printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' \
      cache errors forward health kubernetes loadbalance log loop metrics ready reload
    printf ')\n\nfunc main() { coremain.Run() }\n'
  } >main.go
  gobuild coredns .
}

build_pause() {
  [ ! -x "$PARTS/pause" ] || return 0
  enter pause
  # Holds a pod's namespaces open and, where the pod shares its process namespace, reaps orphans.
  cat >main.go <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			os.Exit(0)
		}
		for {
			var status syscall.WaitStatus
			if pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
GO
  gobuild pause .
}

# kind's own files for a node (entrypoint, systemd units) come from its module.
fetch_kind_files() {
  local folder="$BED/kind-files-$KIND_VERSION" module
  [ ! -d "$folder" ] || return 0
  module="$(cd / && GOFLAGS='' go mod download -json "sigs.k8s.io/kind@$KIND_VERSION" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"
  [ -d "$module/images/base/files" ] || die "the module of kind has no images/base/files"
  rm -rf "$folder.new"
  cp -r "$module/images/base/files" "$folder.new"
  chmod -R u+w "$folder.new"
  mv "$folder.new" "$folder"
}

(fetch_kind_files)
(build_pause)
(build_coredns)
