#!/usr/bin/env bash
# Makes .venv with all that the demo and the tests need. Downloads are kept under
# ${XDG_CACHE_HOME:-~/.cache}/retrain-operator, so that a second clone installs without the network.
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null || die "no $python here; install Python 3.11 or later, or set PYTHON to it"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "$("$python" --version) is too old; install Python 3.11 or later, or set PYTHON to it"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  die "$python cannot make virtual environments; on Debian: apt-get install python3-venv"

stamp=.venv/.installed
wanted="$(cat pyproject.toml constraints.txt scripts/install.sh | sha256sum | cut -d' ' -f1)"
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0

free_kb="$(df -Pk . | awk 'NR == 2 { print $4 }')"
[ "$free_kb" -gt 12000000 ] || [ -d .venv ] ||
  die "12 GB of free disk are needed here (torch with its CUDA libraries takes 6 of them); there are $((free_kb / 1000000))"

[ -x .venv/bin/python ] || "$python" -m venv .venv
tag="$(.venv/bin/python -c 'import sys, platform; print(f"py{sys.version_info[0]}.{sys.version_info[1]}-{platform.machine()}")')"
wheels="${XDG_CACHE_HOME:-$HOME/.cache}/retrain-operator/wheels-$tag"
mkdir -p "$wheels"

# The extras of pyproject.toml, and what builds this project itself.
mapfile -t packages < <(.venv/bin/python - <<'PY'
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
for package in [*project["dependencies"], *sum(project["optional-dependencies"].values(), []), "hatchling", "editables"]:
    print(package)
PY
)

install=(.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt)
if ! "${install[@]}" --no-index --find-links "$wheels" "${packages[@]}" 2>/dev/null; then
  echo "install: downloading about 3 GB of Python packages into $wheels (minutes, once)"
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --prefer-binary \
    --constraint constraints.txt --find-links "$wheels" --dest "$wheels" "${packages[@]}" ||
    die "the packages could not be downloaded; is a Python package index reachable?"
  "${install[@]}" --no-index --find-links "$wheels" "${packages[@]}"
fi
"${install[@]}" --no-index --no-build-isolation --no-deps --editable .
echo "$wanted" >"$stamp"
echo "install: ready in .venv"
