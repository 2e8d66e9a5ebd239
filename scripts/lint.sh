#!/usr/bin/env bash
# What can be said of the code without running it.
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff check .
$bin/ruff format --check .
$bin/mypy
$bin/lint-imports --no-logo >/dev/null || { $bin/lint-imports; exit 1; }
$bin/python crds/generate.py --check
$bin/python docs/generate.py --check
$bin/python manifests/argocd/generate.py --check
echo "lint: clean"
