#!/usr/bin/env bash
# Writes constraints.txt from what is installed in .venv.
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/.."
{
  # shellcheck disable=SC2016
  echo '# Exact versions that the tests ran with; `make install` uses them. Renew with `make constraints`.'
  .venv/bin/python -m pip freeze --exclude-editable --all | grep -v -e '@ file' -e '^pip=='
} >constraints.txt
