#!/usr/bin/env bash
# All checks: lint, types, import layers, generated files, tests. Arguments go to pytest.
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/.."
./scripts/lint.sh
# Before the tests and their time-outs: building an API server takes minutes, once. Where it can't be had, they say so.
./scripts/kube_binaries.sh >/dev/null || true
exec .venv/bin/python -m pytest "$@"
