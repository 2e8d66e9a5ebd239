"""The weighted loss and its weight, against the formula written out and against torch's gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import DataError
from retrain_api.spec.training import Loss
from retrain_trainer.train.loss import positive_weight, weighted_bce

LOGITS = st.floats(-20, 20, width=32)
CASES = st.lists(st.tuples(LOGITS, st.booleans()), min_size=1, max_size=8)


def plain(logit: float, up: bool, weight: float) -> float:
    """-(weight * y * ln s(x) + (1 - y) * ln(1 - s(x))) with s the logistic function."""
    s = 1 / (1 + math.exp(-logit))
    return -weight * math.log(s) if up else -math.log(1 - s) if logit < 15 else math.log1p(math.exp(logit))


@given(cases=CASES, weight=st.floats(0.1, 10))
def test_the_loss_is_the_formula(cases: list[tuple[float, bool]], weight: float) -> None:
    logits = torch.tensor([logit for logit, _ in cases], dtype=torch.float64)
    targets = torch.tensor([float(up) for _, up in cases], dtype=torch.float64)
    found = weighted_bce(logits, targets, torch.tensor(weight, dtype=torch.float64)).item()
    assert found == pytest.approx(np.mean([plain(logit, up, weight) for logit, up in cases]), rel=1e-6, abs=1e-9)


def test_a_logit_of_three_is_not_squashed_before() -> None:
    """With a sigmoid before the loss, as in the original scripts, a sure and right logit would cost 0.33."""
    assert weighted_bce(torch.tensor([3.0]), torch.ones(1), torch.tensor(1.0)).item() == pytest.approx(0.0486, abs=1e-4)


@pytest.mark.parametrize("logit", [-500.0, 500.0])
def test_it_is_finite_far_out(logit: float) -> None:
    assert weighted_bce(torch.tensor([logit]), torch.tensor([0.0]), torch.tensor(2.0)).isfinite()


@pytest.mark.parametrize(
    ("labels", "weight"),
    [([1, 0, 0, 0], 3.0), ([1, 1, 0], 0.5), ([1, 0], 1.0)],
    ids=["few ups weigh more", "many ups weigh less", "balance weighs nothing"],
)
def test_auto_weighs_ups_by_downs_for_each_up(labels: list[int], weight: float) -> None:
    assert positive_weight(np.array(labels, dtype=np.int8), Loss()) == weight


@given(ups=st.integers(1, 50), downs=st.integers(1, 50))
def test_auto_gives_both_classes_the_same_say(ups: int, downs: int) -> None:
    """A model without skill is pushed neither way: at logit 0 the gradients of ups and downs cancel."""
    labels = np.array([1] * ups + [0] * downs, dtype=np.int8)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor(positive_weight(labels, Loss()), dtype=torch.float64)
    weighted_bce(bias.expand(len(labels)), torch.from_numpy(labels).double(), weight).backward()
    assert bias.grad is not None
    assert abs(bias.grad.item()) < 1e-12


@pytest.mark.parametrize("given_weight", ["2.5", 3])
def test_a_weight_in_the_spec_is_taken_as_it_is(given_weight: int | str) -> None:
    assert positive_weight(np.ones(4, dtype=np.int8), Loss(positive_weight=given_weight)) == float(given_weight)


@pytest.mark.parametrize("label", [0, 1])
def test_auto_needs_both_classes(label: int) -> None:
    with pytest.raises(DataError, match=r"train windows have .* up and .* down labels") as caught:
        positive_weight(np.full(4, label, dtype=np.int8), Loss())
    assert caught.value.reason == "OneClass"
