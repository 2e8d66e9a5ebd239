"""`retrain history`: what a run judged and promoted, and what became of a symbol."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from support.documents import read_document
from support.planning import Cluster, approve, passing
from support.publishing_case import NOW, measured, publish_item, publish_task

from retrain_api.status.run import RetrainRunStatus
from retrain_cli import main
from retrain_cli.commands.results.history import of_run, run_document
from retrain_trainer.model.pointer import read_pointer
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish


def test_a_run_lists_its_judgements_and_promotions() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.measurements = {"BTC-USD": passing(0.6)}
    cluster.to_the_end()
    approve(cluster, "override", " by Ann: a trial")
    first, *lines = of_run("nightly", cluster.to_the_end().status)
    assert first == "nightly: Promoted"
    assert [line.split("  ")[2].split(",")[0] for line in lines[:2]] == ["Fail", "Fail"]
    assert lines[0].endswith("/1/report.md") and lines[1].endswith("/2/report.md")
    assert lines[2].startswith("Promoted by Ann: a trial at 2026-01-05")
    assert lines[3].endswith("   by override, not by the gate: Ann: a trial")


def test_a_run_that_judged_nothing_says_so() -> None:
    assert list(of_run("nightly", RetrainRunStatus())) == ["nightly: Pending", "  Nothing has been judged yet."]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two promotions of BTC-USD and a report that promoted nothing; then a rollback."""
    (tmp_path / "models").mkdir()
    store = open_store(f"file://{tmp_path}/models/", {}, 1)
    for number, promote in ((1, True), (2, True), (3, False)):
        item = publish_item(store, "BTC-USD", measured(0.7 + number / 100), version=number, promote=promote)
        task = publish_task(store, [item], number=number, publish_key=f"{number:016}", approved_by="gate")
        publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None)
    roll_back(store, "BTC-USD", None, "ada", "bad fills", "2025-06-25T09:00:00Z")
    return store


@pytest.mark.parametrize(
    ("expires", "said"),
    [
        (None, []),
        ("9999-01-01T00:00:00Z", ["Expires at 9999-01-01T00:00:00Z"]),
        ("2025-07-01T00:00:00Z", ["Expires at 2025-07-01T00:00:00Z, so it is not to be used any more"]),
    ],
)
def test_a_symbol_says_how_old_the_learning_in_service_is(
    store: Store, capsys: pytest.CaptureFixture[str], expires: str | None, said: list[str]
) -> None:
    pointed = read_pointer(store, "BTC-USD")
    assert pointed
    times = {"trained_until": "2025-05-01T00:00:00Z", "tested_until": "2025-06-01T00:00:00Z", "expires_at": expires}
    store.write("promoted/BTC-USD.json", pointed.pointer.model_copy(update=times).encode())
    assert main.main(["history", "BTC-USD", "--artifacts", store.uri_of("")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "xpires" in line] == said
    assert "It has learnt up to 2025-05-01T00:00:00Z, and was tested up to 2025-06-01T00:00:00Z" in lines


def test_a_symbol_lists_its_judgements_and_its_pointer(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.write("reports/team/broken/uid/1/results.json", b"{}")
    assert main.main(["history", "BTC-USD", "--artifacts", store.uri_of("")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "BTC-USD" and lines[1].split()[:2] == ["judged", "at"]
    assert [line.split()[1:3] for line in lines[2:5]] == [["nightly", "1"], ["nightly", "2"], ["nightly", "3"]]
    assert [line.endswith("by gate") for line in lines[2:5]] == [True, True, False]
    assert lines[5].startswith("Promoted now: lstm_BTC_USD_1m_") and lines[5].endswith("by ada: bad fills")
    assert lines[6].startswith("Rolled back from lstm_BTC_USD_1m_") and lines[6].endswith("by ada: bad fills")
    assert lines[7].startswith("Before it: ") and lines[7].endswith("(accuracy 72 %)")


def test_a_model_that_was_refused_says_why(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    item = publish_item(store, "BTC-USD", measured(0.8), version=4).model_copy(update={"champion": "0" * 12})
    task = publish_task(store, [item], number=4, publish_key=f"{4:016}", approved_by="gate")
    publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None)
    assert main.main(["history", "BTC-USD", "--artifacts", store.uri_of("")]) == 0
    line = capsys.readouterr().out.splitlines()[5]
    assert " no: It was compared with the model 000000000000, but lstm_BTC_USD_1m_" in line
    assert line.endswith("it is measured again, against that one.")


def test_a_symbol_that_is_unknown_is_one_sentence(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["history", "ETH-USD", "--artifacts", store.uri_of("")]) == 2
    assert capsys.readouterr().err.endswith("has no report and no pointer for ETH-USD.\n")


def test_a_symbol_for_programs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["history", "BTC-USD", "--artifacts", store.uri_of(""), "--json"]) == 0
    document = read_document(capsys.readouterr().out, "SymbolHistory")
    rows = document["judgements"]
    assert [(row["report"], row["accuracy"], row["promoted"]) for row in rows] == [
        (1, 0.71, True),
        (2, 0.72, True),
        (3, 0.73, False),
    ]
    assert [row["promotion"] for row in rows] == ["by gate", "by gate", None]
    assert document["pointer"]["rolledBack"]["reason"] == "bad fills"


def test_a_run_for_programs() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    status = cluster.to_the_end().status
    run = SimpleNamespace(namespace="team", name="nightly", status=status)
    document = read_document(run_document(run), "RunHistory")  # type: ignore[arg-type]
    assert document["state"] == status.state
    assert [each["line"] for each in document["judgements"]] == [each.line for each in status.history]
    assert document["promotion"]["models"][0]["symbol"] == "BTC-USD"
