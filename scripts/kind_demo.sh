#!/usr/bin/env bash
# From nothing to a verdict on a real cluster: a kind cluster, the images, the operator, an S3 server with real candles,
# and a run of three symbols, followed to its end. Some 4 minutes; the first time half an hour, most of it downloads and
# builds. Each step can be run again: what is there already is left alone.
. "$(dirname "${BASH_SOURCE[0]}")/../tests/testbed/lib.sh"
cd "$ROOT"

NAMESPACE=retrain-demo

step() { say "--- $*"; }

# Follow the run until it ends, one line whenever something changes.
follow() {
  # Not kc: the process to be ended must be kubectl itself.
  "$BIN/kubectl" --kubeconfig "$KUBECONFIG_FILE" -n "$NAMESPACE" get retrainrun demo --watch &
  local watching=$!
  kc -n "$NAMESPACE" wait retrainrun/demo --for=condition=Finished --timeout=20m >/dev/null ||
    say "the run has not ended after 20 minutes; see below"
  sleep 1
  kill "$watching" 2>/dev/null || true
  wait "$watching" 2>/dev/null || true
}

begun="$SECONDS"
step "1 of 4: the cluster (a minute; the first time some 15 more where its image must be built)"
"$TESTBED/up.sh"
programs kubectl
step "2 of 4: the images (seconds where they are there; the trainer takes 5 minutes to build and 3 to load)"
./scripts/images.sh
"$TESTBED/load.sh" retrain-operator:0.1.0 retrain-sample-store:0.1.0 retrain-trainer:0.1.0
step "3 of 4: the operator, an S3 server and real candles (half a minute)"
"$TESTBED/deploy.sh"
step "4 of 4: kubectl apply -f manifests/samples/kind.yaml (a minute)"
kc -n "$NAMESPACE" delete retrainrun demo --ignore-not-found >/dev/null
kc apply -f manifests/samples/kind.yaml
follow
echo
kc -n "$NAMESPACE" get retrainrun demo -o wide
echo
kc -n "$NAMESPACE" get retrainrun demo -o jsonpath='{.status.state}: {.status.message}{"\n"}'
echo
say "from nothing to a verdict in $((SECONDS - begun)) s"
say "look around: export KUBECONFIG=$KUBECONFIG_FILE PATH=$BIN:\$PATH; kubectl -n $NAMESPACE describe retrainrun demo"
say "take it away: make cluster-down"
[ -n "$(kc -n "$NAMESPACE" get retrainrun demo -o jsonpath='{.status.gate.verdict}')" ] || exit 1
