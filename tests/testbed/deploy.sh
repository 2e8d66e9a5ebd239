#!/usr/bin/env bash
# Puts the operator, an S3 server and real candles into the cluster: manifests/overlays/kind. Half a minute; run again, it
# starts the operator anew, so that images that were loaded since are used.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

NAMESPACE=retrain-demo

# The keys are made here and known to the cluster alone. They go in by standard input: no argument shows them.
make_keys() {
  kc -n "$NAMESPACE" get secret sample-store sample-store-keys >/dev/null 2>&1 && return
  local key secret
  key="demo-$(od -An -tx1 -N6 /dev/urandom | tr -d ' \n')"
  secret="$(od -An -tx1 -N20 /dev/urandom | tr -d ' \n')"
  kc apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Secret
metadata: {name: sample-store-keys, namespace: $NAMESPACE}
stringData:
  AWS_ACCESS_KEY_ID: $key
  AWS_SECRET_ACCESS_KEY: $secret
  AWS_REGION: us-east-1
  AWS_ENDPOINT_URL: http://sample-store.$NAMESPACE.svc:8333
---
apiVersion: v1
kind: Secret
metadata: {name: sample-store, namespace: $NAMESPACE}
stringData:
  s3.json: |
    {"identities": [{"name": "demo", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
      "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
YAML
}

deploy() {
  kc apply --server-side -k crds >/dev/null
  kc wait --for=condition=Established --timeout=60s crd/retrainruns.retrain.crpbot.dev >/dev/null
  kc apply --server-side -f manifests/overlays/kind/namespace.yaml >/dev/null
  make_keys
  # A Job can't be changed: the loader of an earlier image would be refused.
  kc -n "$NAMESPACE" delete job sample-data --ignore-not-found >/dev/null
  kc apply --server-side -k manifests/overlays/kind >/dev/null
  kc -n retrain-system rollout restart deployment/retrain-operator >/dev/null
  kc -n "$NAMESPACE" rollout status deployment/sample-store --timeout=180s >/dev/null
  kc -n "$NAMESPACE" wait --for=condition=Complete job/sample-data --timeout=180s >/dev/null
  kc -n retrain-system rollout status deployment/retrain-operator --timeout=180s >/dev/null
}

programs kubectl
deploy
