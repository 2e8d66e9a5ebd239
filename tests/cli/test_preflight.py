"""`retrain run` looks at data and store before it trains, as a cluster does."""

from __future__ import annotations

import json

from support.local_run import LocalRun

TWO = {"symbols": ["BTC-USD", "ETH-USD"], "preflight": "Always"}


def starts(local: LocalRun) -> list[str]:
    return [line["who"] for line in local.journal(what="start")]


def test_it_is_shown_and_comes_first(local: LocalRun) -> None:
    local.spec = TWO
    done = local.run()
    assert done.returncode == 0, done.stderr
    assert "\nChecking: Looking at data and store before anything is trained.\n" in f"\n{done.stdout}"
    assert starts(local)[0] == "preflight" and starts(local).count("preflight") == 1


def test_what_it_refuses_fails_the_run_before_anything_is_trained(local: LocalRun) -> None:
    local.spec, local.script = TWO, {"preflight": {"refuses": {"ETH-USD": "NotFound"}}}
    failed = local.run()
    assert (failed.returncode, starts(local)) == (1, ["preflight"])
    assert "  ETH-USD: Failed\n      Scripted.\n" in failed.stdout
    assert local.run().returncode == 1 and starts(local) == ["preflight"], "without a token nothing is tried again"
    local.script = {}
    said = local.command("retry", "nightly")
    assert "ETH-USD: preflight failed (NotFound): Scripted." in said.stdout
    assert local.run().returncode == 0
    assert starts(local).count("preflight") == 2 and set(starts(local)[1:]) >= {"BTC-USD", "ETH-USD"}


def test_a_run_with_nothing_new_to_learn_ends_well(local: LocalRun) -> None:
    refuses = {"BTC-USD": "NoNewBars", "ETH-USD": "NoNewBars"}
    local.spec, local.script = TWO, {"preflight": {"refuses": refuses}}
    skipped = local.run()
    assert (skipped.returncode, starts(local)) == (0, ["preflight"])
    assert "Skipped: All 2 symbols have nothing new to learn" in skipped.stdout
    assert "nightly: Skipped\n  BTC-USD: Skipped\n      Scripted.\n" in skipped.stdout
    assert "retry" not in skipped.stdout and "Training Summary" not in skipped.stdout
    (listed,) = json.loads(local.command("ls", "--json").stdout)["runs"]
    assert listed["state"] == "Skipped"
    assert local.command("retry", "nightly").stderr == (
        "retrain: nightly has nothing to retry: nothing failed; its state is Skipped.\n"
    )
    assert "Nothing to do" in local.run().stdout


def test_data_that_is_late_is_told(local: LocalRun) -> None:
    line = "Late: BTC-USD and 0 more; newest bar closed 2026-11-28T10:00:00Z; waiting until 2026-11-28T14:00:00Z"
    local.spec, local.script = TWO, {"preflight": {"says": [line], "codes": [75]}}
    done = local.run()
    assert done.returncode == 0
    assert f"[preflight] {line}" in done.stdout
