"""Where and how torch computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from retrain_api.errors import NoDeviceError
from retrain_api.spec.training import Training
from retrain_trainer.model import device

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def _leave_torch_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("phase", ["train", "evaluate"])
def test_a_gpu_that_is_not_there_is_one_sentence(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NoDeviceError) as refused:
        device.choose_device("GPU", phase)
    assert refused.value.reason == "NoGPU"
    assert refused.value.message == (
        f"{phase}.device is GPU and this machine has none; run on a node with a GPU, or set spec.{phase}.device: CPU"
    )


def test_the_device_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.choose_device("CPU") == CPU
    assert device.choose_device("GPU") == CUDA


@pytest.mark.parametrize(
    ("chip", "expected"),
    [
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, True),
        ({"avx512_bf16": True}, True),
        ({"avx512_bf16": True, "cpu_name": "Intel Xeon"}, False),
        ({"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({}, False),
    ],
)
def test_auto_precision_on_a_cpu(chip: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: chip)
    assert (device.choose_precision("Auto", CPU) is torch.bfloat16) == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_auto_precision_on_a_gpu(capability: tuple[int, int], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda where: capability)
    assert (device.choose_precision("Auto", CUDA) is torch.bfloat16) == expected


def test_a_named_precision_is_used_whatever_the_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: pytest.fail("nobody asked"))
    assert device.choose_precision("Float32", CPU) is torch.float32
    assert device.choose_precision("BFloat16", CPU) is torch.bfloat16
    assert device.precision_name(torch.bfloat16) == "BFloat16"
    assert device.precision_name(torch.float32) == "Float32"


@pytest.mark.parametrize("deterministic", [True, False])
def test_deterministic_and_seeded(deterministic: bool) -> None:
    training = Training(seed=11, deterministic=deterministic)
    device.prepare(training)
    first = torch.rand(3)
    device.prepare(training)
    assert torch.equal(torch.rand(3), first)
    assert torch.are_deterministic_algorithms_enabled() is deterministic


def test_algorithms_are_deterministic_until_a_training_needs_it_no_more() -> None:
    device.prepare(Training(deterministic=True))
    device.prepare(Training(deterministic=False))
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("threads", ["", "all", "-1", "0", None])
def test_threads_that_are_no_number_change_nothing(threads: str | None) -> None:
    before = torch.get_num_threads()
    device.prepare(Training(), threads)
    assert torch.get_num_threads() == before


def test_threads_are_those_of_omp_num_threads() -> None:
    device.prepare(Training(), "1")
    assert torch.get_num_threads() == 1
