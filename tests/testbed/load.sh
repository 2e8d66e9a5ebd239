#!/usr/bin/env bash
# load.sh IMAGE...: bring local images into the cluster's node. One that is there already costs nothing, and of one of which the
# node has layers only the others are brought: after a change of code a few megabytes in place of five gigabytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

node="$CLUSTER-control-plane"
content=/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256
in_node() { docker exec "$node" ctr --namespace=k8s.io images list; } # name, type, digest
# By their ids: a name may mean another image by now.
there="$(in_node)"

digest_of() { awk -v name="docker.io/library/$1" '$1 == name { print $3 }'; }

# forget DIGEST: take an image out of the node, under all its names; each would keep 10 GB there.
forget() {
  in_node | awk -v digest="$1" 'digest != "" && $3 == digest { print $1 }' |
    xargs -r docker exec "$node" ctr --namespace=k8s.io images remove --sync >/dev/null
}

blobs() { docker exec "$node" find "$content" -type f -printf '%f %s\n'; }
# A layer has the same digest here and there: neither side compresses it.
has_a_layer() { blobs | cut -d ' ' -f 1 | grep -qFf <(docker image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | sed -n 's/^sha256://p'); }
import() { docker exec -i "$node" ctr --namespace=k8s.io images import --digests --snapshotter=overlayfs - >/dev/null; }
# Streamed: an archive of the trainer image would take 5 GB of disk.
load_all() { docker save "$image" | import; }
load_new() { docker save "$image" | python3 "$TESTBED/new_layers.py" <(blobs) | import; }

for image in "$@"; do
  id="$(docker image inspect -f '{{.Id}}' "$image")" || die "there is no image $image here"
  if grep -q "^$id " <<<"$there" && grep -q "/$image " <<<"$there"; then
    say "$image is in the cluster"
    continue
  fi
  before="$(digest_of "$image" <<<"$there")"
  megabytes="$(($(docker image inspect -f '{{.Size}}' "$image") / 1000000))"
  if ! { has_a_layer "$image" && timed "loading what is new of $image" load_new; }; then
    # The older one goes first: there is not always room for two.
    forget "$before"
    timed "loading $image ($megabytes MB; some 35 MB a second)" load_all
  elif [ "$(in_node | digest_of "$image")" != "$before" ]; then
    forget "$before"
  fi
done
