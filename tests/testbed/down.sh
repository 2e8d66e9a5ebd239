#!/usr/bin/env bash
# Takes the cluster away. Images, programs and the docker daemon stay.
#   --docker  stops the daemon too, if these scripts started it
#   --purge   deletes the images and what was built for them too, and takes the runtime out of the daemon's
#             configuration, if these scripts put it there
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$TESTBED/docker.sh"

asked() { [[ " $* " == *" $flag "* ]]; }

if docker info >/dev/null 2>&1; then
  if docker inspect "$CLUSTER-control-plane" >/dev/null 2>&1; then
    programs kind
    kind delete cluster --name "$CLUSTER" --kubeconfig "$KUBECONFIG_FILE" --quiet
    say "the cluster $CLUSTER is gone"
  else
    say "there is no cluster $CLUSTER"
  fi
  if flag=--purge asked "$@"; then
    mapfile -t images < <(docker image ls --format '{{.Repository}}:{{.Tag}}' | grep -E '^retrain-|/(kube-[a-z-]+|etcd|coredns|pause):')
    for image in "${images[@]}"; do docker rmi "$image" >/dev/null 2>&1 || true; done
    release_docker
  fi
else
  say "no docker daemon answers, so there is no cluster"
fi
if flag=--docker asked "$@" && [ -f "$BED/dockerd.pid" ]; then
  pid="$(cat "$BED/dockerd.pid")"
  # Only the process that was started here, not one that has its number now.
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then kill "$pid"; fi
  rm -f "$BED/dockerd.pid"
fi
if flag=--purge asked "$@"; then rm -rf "$BED"; fi
