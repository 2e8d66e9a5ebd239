"""What the end of `retrain run` says: only what is true of now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retrain_api.status.run import RetrainRunStatus
from retrain_cli.commands.runs.run import near_page
from retrain_cli.display.summary import kept, run_summary, training_summary
from retrain_client.local.state import RunFolder

OLD = {"number": 1, "publishKey": "k", "markdown": "s3://b/reports/1/report.md", "html": "s3://b/reports/1/report.html"}
GATE = {"verdict": "Fail", "passed": 0, "required": 1, "total": 1, "outcome": "NeedsMoreWork", "summary": "0 of 1 pass"}
MODEL = {"model": {"uri": "s3://b/models/m.pt", "sha256": "0" * 64}, "durationSeconds": 60, "epochs": 4, "bestEpoch": 2}


def status(**parts: Any) -> RetrainRunStatus:
    return RetrainRunStatus.model_validate(parts)


@pytest.mark.parametrize(
    ("state", "gate", "report", "today"),
    [
        ("Rejected", GATE, OLD, True),
        ("Failed", None, OLD, False),
        ("Training", None, OLD, False),
        ("Publishing", GATE, OLD, False),
        ("Failed", GATE, OLD | {"failedKey": "other", "message": "no space"}, False),
    ],
)
def test_the_report_of_an_earlier_judgement_is_called_that(
    state: str, gate: dict[str, Any] | None, report: dict[str, Any], today: bool
) -> None:
    said = run_summary("nightly", status(state=state, gate=gate, report=report))
    assert any(line.startswith("Report: s3://b/reports/1/report.html ") for line in said) == today
    assert any("the last one is of an earlier judgement" in line for line in said) != today


def test_a_nearer_place_of_the_page_is_named() -> None:
    said = run_summary(
        "nightly", status(state="Rejected", gate=GATE, report=OLD), ".retrain/default/nightly/report.html"
    )
    assert "Report: .retrain/default/nightly/report.html   (retrain report nightly --open)" in said


@pytest.mark.parametrize("there", [("report.html", "trades.csv"), ("report.html",), ()])
def test_the_nearer_page_has_beside_it_what_it_links_to(there: tuple[str, ...], tmp_path: Path) -> None:
    near, store = tmp_path / "near", tmp_path / "store"
    near.mkdir(), store.mkdir()
    (near / "trades.csv").symlink_to(tmp_path / "of an earlier report")
    for name in there:
        (store / name).write_text(name)
    report = OLD | {"html": f"file://{store}/report.html"}
    place = near_page(status(state="Rejected", gate=GATE, report=report), RunFolder(near))
    assert place == (str(near / "report.html") if there else None)
    assert [(near / name).read_text() for name in there] == list(there)
    assert {path.name for path in near.iterdir()} == set(there)


def test_only_what_was_trained_now_is_in_the_summary() -> None:
    both = status(
        symbols=[
            {"symbol": "BTC-USD", "state": "Trained", "trainKey": "a", "result": MODEL},
            {"symbol": "ETH-USD", "state": "Trained", "trainKey": "b", "result": MODEL},
        ]
    )
    assert training_summary(both, {"BTC-USD": "a", "ETH-USD": "before"}, 90.0) == [
        "Training Summary",
        "  ETH-USD: 1.0 minutes, 4 epochs, best 2, m.pt",
        "  Total: 1.0 minutes of training, in 1.5 minutes on the clock",
    ]
    assert training_summary(both, {"BTC-USD": "a", "ETH-USD": "b"}, 90.0) == []


def test_where_nothing_was_trained_the_reason_is_told_once_and_not_in_a_summary() -> None:
    stopped = status(symbols=[{"symbol": "BTC-USD", "state": "Failed", "reason": "DataStale", "message": "It is old."}])
    assert training_summary(stopped, {}, 3.0) == []


def test_what_is_kept_is_named_symbol_by_symbol() -> None:
    stopped = status(
        symbols=[
            {"symbol": "BTC-USD", "state": "Trained", "result": MODEL},
            {"symbol": "ETH-USD", "state": "Training", "progress": {"epoch": 3, "epochs": 50}},
            {"symbol": "SOL-USD", "state": "Queued"},
        ]
    )
    assert kept(stopped) == "BTC-USD is trained, ETH-USD has 3 of 50 epochs"
