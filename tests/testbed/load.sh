#!/usr/bin/env bash
# load.sh IMAGE...: bring local images into the cluster's node. One that is there already costs nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

node="$CLUSTER-control-plane"
# By their ids: a name may mean another image by now. Streamed: an archive of the trainer image would take 6 GB of disk.
there="$(docker exec "$node" ctr --namespace=k8s.io images list)" # name, type, digest

# forget IMAGE: take an older image of that name out of the node, under all its names; each would keep 12 GB there.
forget() {
  local digest
  digest="$(awk -v name="docker.io/library/$1" '$1 == name { print $3 }' <<<"$there")"
  awk -v digest="$digest" 'digest != "" && $3 == digest { print $1 }' <<<"$there" |
    xargs -r docker exec "$node" ctr --namespace=k8s.io images remove --sync >/dev/null
}

for image in "$@"; do
  id="$(docker image inspect -f '{{.Id}}' "$image")" || die "there is no image $image here"
  if grep -q "^$id " <<<"$there" && grep -q "/$image " <<<"$there"; then
    say "$image is in the cluster"
    continue
  fi
  forget "$image"
  size="$(docker image inspect -f '{{.Size}}' "$image")"
  load() { docker save "$image" | docker exec -i "$node" ctr --namespace=k8s.io images import --digests --snapshotter=overlayfs - >/dev/null; }
  timed "loading $image ($((size / 1000000)) MB; some 35 MB a second)" load
done
