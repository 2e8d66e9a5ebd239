#!/usr/bin/env bash
# Makes the cluster: one node, of kind. A minute; the first time some 15 more, where its image must be built.
# Run again, it repairs what is not there.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$TESTBED/docker.sh"

start="$SECONDS"
node="$CLUSTER-control-plane"

# The image built here brings its network along; the published one gets kind's.
config() {
  printf 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking:\n'
  printf '  podSubnet: 10.244.0.0/16\n  kubeProxyMode: iptables\n'
  [ "$image" != "$LOCAL_NODE_IMAGE" ] || printf '  disableDefaultCNI: true\n'
}

create() {
  # --retain: a failed node stays, so that its logs can be read.
  config | kind create cluster --name "$CLUSTER" --image "$image" --config - --kubeconfig "$KUBECONFIG_FILE" --retain --quiet ||
    {
      kind export logs --name "$CLUSTER" "$LOGS/kind" >/dev/null 2>&1 || true
      kind delete cluster --name "$CLUSTER" --kubeconfig "$KUBECONFIG_FILE" --quiet || true
      die "kind create cluster failed; the node's logs are in $LOGS/kind"
    }
}

ensure_docker
programs kind kubectl
if kind get clusters 2>/dev/null | grep -qxF "$CLUSTER"; then
  say "the cluster $CLUSTER is there"
  [ "$(docker inspect -f '{{.State.Running}}' "$node")" = true ] || docker start "$node" >/dev/null
  kind export kubeconfig --name "$CLUSTER" --kubeconfig "$KUBECONFIG_FILE" --quiet
else
  image="$("$TESTBED/node-image.sh" | tail -n 1)"
  timed "making the cluster $CLUSTER (half a minute)" create
fi

# After a restart of the node the API server takes a while to answer at all.
for _ in $(seq 60); do kc get --raw /readyz >/dev/null 2>&1 && break; sleep 2; done
kc wait --for=condition=Ready nodes --all --timeout=180s >/dev/null || die "the node does not become ready"
kc -n kube-system rollout status deployment/coredns --timeout=180s >/dev/null || die "CoreDNS does not start"
# Pods are refused until this exists, and nothing else waits for it.
for _ in $(seq 60); do kc -n default get serviceaccount default >/dev/null 2>&1 && break; sleep 1; done
say "the cluster is up after $((SECONDS - start)) s"
say "to use it: export KUBECONFIG=$KUBECONFIG_FILE PATH=$BIN:\$PATH"
