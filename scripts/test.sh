#!/usr/bin/env bash
# All checks: lint, types, import layers, generated files, tests. Arguments go to pytest.
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/.."
./scripts/lint.sh
exec .venv/bin/python -m pytest "$@"
