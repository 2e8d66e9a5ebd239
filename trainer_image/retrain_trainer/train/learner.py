"""The state that a training changes: the network, its optimiser and torch's random numbers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor

from retrain_api.spec.training import Training
from retrain_trainer.model.network import Architecture, DirectionLSTM

Weights = dict[str, Tensor]


class Adam(torch.optim.Adam):
    """torch's Adam without torch's compiler, which its methods import only to keep it away from themselves: 1.2 s of a
    training's start. Where torch wraps them in another way, they are imported with it.
    """

    add_param_group: Any = unwrap(torch.optim.Adam.add_param_group)
    state_dict: Any = unwrap(torch.optim.Adam.state_dict)
    load_state_dict: Any = unwrap(torch.optim.Adam.load_state_dict)
    step: Any = torch.no_grad()(unwrap(torch.optim.Adam.step))


@dataclass
class Learner:
    """The network and its optimiser, which each step changes in place, and the best weights so far."""

    network: DirectionLSTM
    optimiser: Adam
    best: Weights


def new_learner(architecture: Architecture, training: Training, device: torch.device) -> Learner:
    """A learner with fresh weights from the seed, and Adam as its optimiser."""
    torch.manual_seed(training.seed)
    network = DirectionLSTM(architecture).to(device)
    optimiser = Adam(network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True)
    return Learner(network, optimiser, copy.deepcopy(network.state_dict()))


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of torch's random number generators, which dropout draws from."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Continue with the random numbers that `random_state` was about to draw."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
