"""Device, precision and seeds that torch computes with."""

from __future__ import annotations

import os
from typing import Literal

import torch

from retrain_api import reasons
from retrain_api.errors import NoDeviceError
from retrain_api.spec.training import Training


def choose_device(device: Literal["GPU", "CPU"], phase: str = "train") -> torch.device:
    """The torch device that a phase requests. Raises NoDeviceError for a GPU on a machine without one."""
    if device == "CPU":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise NoDeviceError(
            reasons.NO_GPU,
            f"{phase}.device is GPU and this machine has none; "
            f"run on a node with a GPU, or set spec.{phase}.device: CPU",
        )
    return torch.device("cuda")


def choose_precision(precision: Literal["Auto", "Float32", "BFloat16"], device: torch.device) -> torch.dtype:
    """float32, or bfloat16 for autocast. Auto chooses bfloat16 where the chip multiplies it faster than float32."""
    if precision == "Auto":
        return torch.bfloat16 if computes_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "BFloat16" else torch.float32


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the chip multiplies bfloat16 faster than float32: AMX, or AVX512-BF16 of AMD, on a CPU; capability 8.0 on a GPU.

    Intel's AVX512-BF16 is the slower one (84 against 155 GFLOP/s for one thread of a Xeon whose host hides AMX), and AMD's
    the faster (211 against 94 on an EPYC).
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    chip = torch.cpu.get_capabilities()
    return bool(chip.get("amx_bf16") or (chip.get("avx512_bf16") and "Intel" not in str(chip.get("cpu_name"))))


def prepare(training: Training, threads: str | None = None) -> None:
    """Fix the seeds, and the algorithms where the training is to be deterministic.

    `threads` is OMP_NUM_THREADS. torch reads that variable only when it is loaded, so its value is applied here too.
    """
    if threads and threads.isdecimal() and int(threads) > 0:
        torch.set_num_threads(int(threads))
    if training.deterministic:
        # cuBLAS reads it when the first kernel runs. Of the values that torch accepts for deterministic algorithms,
        # this is the one that its notes on nn.LSTM name as well.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        torch.backends.cudnn.benchmark = False
    # Not called for nothing: it imports torch's compiler, which takes 1.2 s.
    if torch.are_deterministic_algorithms_enabled() != training.deterministic:
        torch.use_deterministic_algorithms(training.deterministic)
    torch.manual_seed(training.seed)


def precision_name(precision: torch.dtype) -> Literal["Float32", "BFloat16"]:
    """The precision's name in the spec."""
    return "BFloat16" if precision is torch.bfloat16 else "Float32"
