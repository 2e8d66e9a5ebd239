#!/usr/bin/env bash
# load.sh IMAGE...: bring local images into the cluster's node. One that is there already costs nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

node="$CLUSTER-control-plane"
# By their ids: a name may mean another image by now. Streamed: an archive of the trainer image would take 6 GB of disk.
there="$(docker exec "$node" ctr --namespace=k8s.io images list -q)"
for image in "$@"; do
  id="$(docker image inspect -f '{{.Id}}' "$image")" || die "there is no image $image here"
  if grep -qxF "$id" <<<"$there" && grep -q "/$image\$" <<<"$there"; then
    say "$image is in the cluster"
    continue
  fi
  size="$(docker image inspect -f '{{.Size}}' "$image")"
  load() { docker save "$image" | docker exec -i "$node" ctr --namespace=k8s.io images import --digests --snapshotter=overlayfs - >/dev/null; }
  timed "loading $image ($((size / 1000000)) MB; some 35 MB a second)" load
done
