"""What a sitting is measured on."""

from __future__ import annotations

import os
import platform
import subprocess

import torch

from .notes import Figures
from .step_setup import StepSetup


def measure(setup: StepSetup) -> None:
    """One cell for the machine, one for the software."""
    setup.notes.cell("machine", lambda: machine(setup.device))
    setup.notes.cell("software", software)


def machine(device: torch.device) -> Figures:
    """The card, and the processors that feed it."""
    if device.type == "cpu":
        return {"card": "CPU", "cores": os.cpu_count(), "processor": platform.machine()}
    known = torch.cuda.get_device_properties(device)
    return {
        "card": known.name,
        "memory_gb": known.total_memory / 1e9,
        "multiprocessors": known.multi_processor_count,
        "capability": f"{known.major}.{known.minor}",
        "cores": os.cpu_count(),
        "driver": driver(),
    }


def driver() -> str:
    """The driver's version, as its own program says it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.check_output(command, text=True, timeout=5).splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def software() -> Figures:
    """Versions, and whether float32 of an LSTM is TF32 here when nobody says anything."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "lstm_float32": torch.backends.cudnn.rnn.fp32_precision,
        "commit": commit(),
    }


def commit() -> str:
    """Of the working tree, where it is one."""
    try:
        return subprocess.check_output(["git", "rev-parse", "HEAD"], text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
