#!/usr/bin/env bash
# A sitting at a machine with a GPU and no network: gpu_sitting.sh WHEELS [options of gpu_sitting.py]
# WHEELS is a folder that scripts/gpu_wheels.sh filled. Of it only what the machine's Python lacks is installed, into a folder
# that goes away again. PYTHON chooses another Python than python3.
set -o errexit -o nounset -o pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
python="${PYTHON:-python3}"
die() { printf 'gpu_sitting: %s\n' "$*" >&2; exit 2; }

[ $# -ge 1 ] || die "which folder of wheels? scripts/gpu_wheels.sh FOLDER makes one"
ls "$1"/*.whl >/dev/null 2>&1 || die "there are no wheels in $1; scripts/gpu_wheels.sh $1 fetches them"
wheels="$(cd "$1" && pwd)"
shift

site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
mapfile -t missing < <("$python" - "$wheels" <<'PY'
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
    try:
        version(wheel.name.split("-")[0])
    except PackageNotFoundError:
        print(wheel)
PY
)
if [ ${#missing[@]} -gt 0 ]; then
  "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile --no-cache-dir \
    --target "$site" "${missing[@]}" || die "these wheels do not fit $("$python" --version): ${missing[*]}"
fi
export PYTHONPATH="$site:$root/operator:$root/trainer_image${PYTHONPATH:+:$PYTHONPATH}"
cd "$root"
"$python" benchmarks/gpu_sitting.py "$@"
