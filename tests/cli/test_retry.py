"""`retrain retry` on this machine: a store refuses its key, the key is renewed, and only what failed is done again."""

from __future__ import annotations

from typing import Any

import pytest
from support.local_run import LocalRun

TWO = {"symbols": ["BTC-USD", "ETH-USD"], "gate": {"minPassed": 2, "whenUnreachable": "Continue"}}
REFUSED = {"codes": [77]}
"""The first start ends as where a store refuses its key; every later one is well."""


def starts(local: LocalRun) -> list[str]:
    return [line["who"] for line in local.journal(what="start")]


def test_only_the_symbol_whose_store_was_refused_is_trained_again(local: LocalRun) -> None:
    local.spec, local.script = TWO, {"ETH-USD": REFUSED}
    first = local.run()
    assert first.returncode == 1
    assert "To try again what failed, once its cause is mended: retrain retry nightly" in first.stdout
    done = sorted(starts(local))
    assert done == ["BTC-USD", "ETH-USD", "evaluate 0", "publish"], "the report says what failed"
    unchanged = local.run()
    assert unchanged.returncode == 1 and len(starts(local)) == 4, "without a token nothing is tried again"

    said = local.command("retry", "nightly")
    assert (said.returncode, said.stderr) == (0, "")
    assert "  ETH-USD: training failed (Scripted): Ends with 77.\n" in said.stdout
    assert said.stdout.endswith("Run the same `retrain run -f FILE` again to carry it out.\n")
    ended = local.run()
    assert ended.returncode == 0, ended.stdout
    assert sorted(starts(local)[4:]) == ["ETH-USD", "evaluate 0", "publish"]
    assert [entry["verdict"] for entry in local.status()["symbols"]] == ["Pass", "Pass"]

    again = local.command("retry", "nightly")
    assert again.returncode == 2
    assert again.stderr == "retrain: nightly has nothing to retry: nothing failed; its state is Promoted.\n"
    assert local.run().returncode == 0 and len(starts(local)) == 7, "a token is spent once"


@pytest.mark.parametrize("phase", ["evaluate 0", "publish"])
def test_a_later_phase_is_tried_again_without_another_training(local: LocalRun, phase: str) -> None:
    local.script = {phase: REFUSED}
    assert local.run().returncode == 1
    before = starts(local)
    local.command("retry", "nightly")
    assert local.run().returncode == 0
    assert starts(local)[len(before)] == phase and starts(local).count("BTC-USD") == 1


def test_a_retry_that_fails_again_can_be_repeated(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"codes": [77, 77]}}
    assert local.run().returncode == 1
    for code in (1, 0):
        assert local.command("retry", "nightly").returncode == 0
        assert local.run().returncode == code
    assert starts(local).count("BTC-USD") == 3


@pytest.mark.parametrize("by_hand", [False, True], ids=["the file alone", "the file after the command"])
def test_a_token_in_the_file_counts_too(local: LocalRun, by_hand: bool) -> None:
    codes: list[Any] = [77, 77] if by_hand else [77]
    local.script = {"BTC-USD": {"codes": codes}}
    assert local.run().returncode == 1
    if by_hand:
        local.command("retry", "nightly")
        assert local.run().returncode == 1
    local.annotations = {"retrain.crpbot.dev/retry": "1"}
    assert local.run().returncode == 0


def test_the_token_outlives_an_answer(local: LocalRun) -> None:
    local.spec, local.script = {"promotion": {"policy": "Manual"}}, {"BTC-USD": REFUSED}
    assert local.run().returncode == 1
    local.command("retry", "nightly")
    assert local.run().returncode == 4
    local.command("approve", "nightly", "--reason", "looks right")
    assert local.run().returncode == 0
    assert starts(local).count("BTC-USD") == 2
