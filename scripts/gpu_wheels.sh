#!/usr/bin/env bash
# Fetches what a sitting needs and a machine with a GPU may lack, as wheels for Linux on x86-64: gpu_wheels.sh FOLDER
# torch, numpy and pyarrow are there. PYTHON_VERSION is that machine's (3.12). Versions are those of constraints.txt.
set -o errexit -o nounset -o pipefail
folder="${1:?which folder? gpu_wheels.sh FOLDER}"
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
cd "$(dirname "$0")/.."

# The contract is written with pydantic; the tests want pandas and, by their configuration, pytest-timeout.
names=(pydantic pydantic_core typing-inspection annotated-types typing_extensions pandas python-dateutil six pytest-timeout)
wanted=()
for name in "${names[@]}"; do
  wanted+=("$(grep -m 1 "^$name==" constraints.txt)") || { echo "gpu_wheels: $name is not in constraints.txt" >&2; exit 1; }
done
platforms=()
for glibc in 17 24 27 28; do platforms+=(--platform "manylinux_2_${glibc}_x86_64"); done

rm -f "$folder"/*.whl   # one version of each
"${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --implementation cp --python-version "${PYTHON_VERSION:-3.12}" "${platforms[@]}" --platform manylinux2014_x86_64 \
  --dest "$folder" "${wanted[@]}"
megabytes="$(du -sm "$folder" | cut -f1)"
[ "$megabytes" -lt 60 ] || { echo "gpu_wheels: $megabytes MB are too many to carry along" >&2; exit 1; }
echo "gpu_wheels: $(find "$folder" -name '*.whl' | wc -l) wheels, $megabytes MB in $folder"
