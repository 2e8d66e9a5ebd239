#!/bin/sh
# Makes .venv with what the demo needs (install.sh demo), or with all that the tests need as well (install.sh). Downloads
# are kept under ${XDG_CACHE_HOME:-~/.cache}/retrain-operator, so that a second clone installs without the network.
set -eu
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

case "${1:-all}" in
  demo) extras="trainer" ;;
  all) extras="operator trainer completion dev" ;;
  *) die "$1 is nothing that can be installed; demo and all are" ;;
esac

command -v "$python" >/dev/null || die "no $python here; install Python 3.11 or later, or set PYTHON to it"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "$("$python" --version) is too old; install Python 3.11 or later, or set PYTHON to it"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  die "$python cannot make virtual environments; on Debian: apt-get install python3-venv"

# A line for each set that is installed, made of the files that say what is in it; with all of it the demo has its own.
stamp=.venv/.installed
digest="$("$python" -c 'import hashlib, sys
print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest())
' pyproject.toml constraints.txt scripts/install.sh)"
grep -qx -e "$digest $extras" -e "$digest operator trainer completion dev" "$stamp" 2>/dev/null && exit 0

free_kb="$(df -Pk . | awk 'NR == 2 { print $4 }')"
[ "$free_kb" -gt 12000000 ] || [ -d .venv ] ||
  die "12 GB of free disk are needed here (torch with its CUDA libraries takes 6 of them); there are $((free_kb / 1000000))"

[ -x .venv/bin/python ] || "$python" -m venv .venv
tag="$(.venv/bin/python -c 'import sys, platform; print(f"py{sys.version_info[0]}.{sys.version_info[1]}-{platform.machine()}")')"
wheels="${XDG_CACHE_HOME:-$HOME/.cache}/retrain-operator/wheels-$tag"
mkdir -p "$wheels"

# What pyproject.toml asks for, and what builds this project itself.
packages=.venv/packages.txt
# shellcheck disable=SC2086  # the names of the extras, one argument each
{ .venv/bin/python scripts/requirements.py $extras; printf 'hatchling\neditables\n'; } >"$packages"

pip() { what="$1"; shift; .venv/bin/python -m pip "$what" --quiet --disable-pip-version-check "$@"; }
from_wheels() { pip install --constraint constraints.txt --no-index --find-links "$wheels" --requirement "$packages"; }
if ! from_wheels 2>/dev/null; then
  echo "install: downloading about 3 GB of Python packages into $wheels (minutes, once)"
  pip download --prefer-binary --constraint constraints.txt --find-links "$wheels" --dest "$wheels" --requirement "$packages" ||
    die "the packages could not be downloaded; is a Python package index reachable?"
  from_wheels
fi
pip install --no-index --no-build-isolation --no-deps --editable .
echo "$digest $extras" >"$stamp"
echo "install: ready in .venv"
