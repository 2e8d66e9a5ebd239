"""Takes out of the trainer's packages what no task of it uses: trim_packages.py SITE_PACKAGES

Each entry was looked up: nothing in the image links the library (`readelf -d`), or imports the module, and the tests on kind run
with what is left. What torch links stays, used or not: its libraries would not load without it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

UNUSED = {
    "triton": "compiles kernels for torch.compile, which no task calls; the image has no compiler for it either",
    "triton-*.dist-info": "its description: pip would take it for installed",
    "torch/include": "headers, to build extensions with",
    "nvidia/*/include": "headers",
    "nvidia/**/*.a": "static libraries",
    "nvidia/cu*/lib/libcusolverMg.so*": "linear algebra on several GPUs; torch links libcusolver alone",
    "nvidia/cu*/lib/libnvperf_*.so": "counters of a GPU's units, for profilers",
    "nvidia/cu*/lib/libpcsamplingutil.so": "the same",
    "pyarrow/include": "headers",
    "pyarrow/tests": "tests",
    "pyarrow/_flight.*": "a protocol between databases",
    "pyarrow/libarrow_flight.so*": "its library",
}


def main(arguments: list[str]) -> int:
    """Remove each entry, and say how much that was. A torch without CUDA has most of them not."""
    site = Path(arguments[0])
    for pattern, why in UNUSED.items():
        found = sorted(site.glob(pattern))
        print(f"{sum(map(_size, found)) // 1_000_000:5d} MB  {pattern}: {why}")
        for path in found:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return 0


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file() and not one.is_symlink())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
