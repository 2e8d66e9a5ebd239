"""The optimiser: torch's Adam, without the compiler that torch imports with it."""

from __future__ import annotations

import copy
import subprocess
import sys

import torch
from support.training_case import CPU, architecture, same, training

from retrain_trainer.train.learner import Learner, new_learner


def stepped(learner: Learner, optimiser: torch.optim.Adam) -> Learner:
    """The learner after three steps on made-up gradients."""
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        for parameter in learner.network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimiser.step()
    return learner


def test_the_optimiser_is_torchs_adam() -> None:
    how = training()
    ours, theirs = new_learner(architecture(), how, CPU), new_learner(architecture(), how, CPU)
    plain = torch.optim.Adam(
        theirs.network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay, fused=True
    )
    stepped(ours, ours.optimiser)
    stepped(theirs, plain)
    assert same(ours.network.state_dict(), theirs.network.state_dict())
    assert ours.optimiser.state_dict().keys() == plain.state_dict().keys()
    ours.optimiser.load_state_dict(copy.deepcopy(plain.state_dict()))
    assert same(stepped(ours, ours.optimiser).network.state_dict(), stepped(theirs, plain).network.state_dict())


def test_a_training_does_not_wait_for_torchs_compiler() -> None:
    """It takes 1.2 s to import, and compiles nothing here."""
    script = """
import sys, torch
from retrain_api.spec.training import Training
from retrain_trainer.model.device import prepare
from retrain_trainer.model.network import Architecture
from retrain_trainer.train.learner import new_learner
prepare(Training())
learner = new_learner(Architecture(3, 4, 1, 0.0, True), Training(), torch.device("cpu"))
learner.network(torch.ones(2, 5, 3)).sum().backward()
torch.nn.utils.clip_grad_norm_(learner.network.parameters(), 1.0)
learner.optimiser.step()
learner.optimiser.load_state_dict(learner.optimiser.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
