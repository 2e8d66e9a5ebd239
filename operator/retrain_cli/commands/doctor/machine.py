"""Does this machine have what the run needs: a GPU where it asks for one, and room for temporary files?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile

from retrain_api import reasons
from retrain_api.errors import NoDeviceError, SoftwareError

_MIB = 2**20
_SPARE_BYTES = 256 * _MIB
_GPU_SECONDS = 180
_LIST_GPUS = """
import torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(*(torch.cuda.get_device_name(number) for number in range(count)), sep="\\n")
"""


def probe_gpu(phases: list[str]) -> str:
    """The GPUs that torch sees; it is run in a process of its own, because torch takes seconds and memory to load.

    `phases` are those whose device is GPU. Raises NoDeviceError and SoftwareError("NoTorch").
    """
    names = gpu_names()
    if not names:
        fields = " and ".join(f"spec.{phase}.device" for phase in phases)
        raise NoDeviceError(
            reasons.NO_GPU,
            f"torch sees no GPU on this machine, and {fields} asks for one; "
            f"set {fields} to CPU, or start the run on a machine with a GPU.",
        )
    return f"torch sees {len(names)}: {', '.join(names)}"


def probe_disk(data_bytes: int) -> str:
    """Room in the temporary folder for the data twice (training and evaluation have a copy each) and models.

    Raises SoftwareError("DiskFull").
    """
    place, needed = tempfile.gettempdir(), 2 * data_bytes + _SPARE_BYTES
    free = shutil.disk_usage(place).free
    if free < needed:
        raise SoftwareError(
            reasons.DISK_FULL,
            f"{place} has {free / _MIB:,.0f} MiB free, and the run needs about {needed / _MIB:,.0f} MiB; "
            "make room, or set TMPDIR to a bigger folder.",
        )
    return f"{free / _MIB:,.0f} MiB free in {place}, about {needed / _MIB:,.0f} MiB needed"


def gpu_names() -> list[str]:
    """The GPUs that torch sees, asked in a process of its own. Raises SoftwareError("NoTorch")."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LIST_GPUS], capture_output=True, text=True, timeout=_GPU_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SoftwareError(
            reasons.NO_TORCH, f"torch gave no answer within {_GPU_SECONDS} s; the GPU or its driver hangs."
        ) from None
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise SoftwareError(reasons.NO_TORCH, f"torch can't be loaded ({last[0]}); install retrain-operator[trainer].")
    return [line for line in done.stdout.splitlines() if line.strip()]
