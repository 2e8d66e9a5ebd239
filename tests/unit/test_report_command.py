"""`retrain report`: the report as it is in the store, or one sentence why there is none."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.status import ReportStatus, RetrainRunStatus
from retrain_cli import report_command

TEXT = "# Report\n\nBTC-USD fails: accuracy 52.1 % is 15.9 points below 68 % \u2013 see below.\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_status(name: str = "nightly", namespace: str = "default", folder: str = ".retrain", **fields: Any) -> Path:
    path = Path(folder, namespace, name, "status.json")
    path.parent.mkdir(parents=True)
    path.write_text(RetrainRunStatus(**fields).model_dump_json(by_alias=True, exclude_none=True))
    return path


def stored_report(tmp_path: Path) -> ReportStatus:
    path = tmp_path / "artifacts" / "reports" / "1" / "report.md"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    return ReportStatus(number=1, markdown=f"file://{path}")


def run_report(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    report_command.add_arguments(parser)
    return report_command.run(parser.parse_args(arguments))


def test_the_report_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    assert run_report("nightly") == 0
    assert capsys.readouterr() == (TEXT, "")


def test_namespace_and_state_dir_say_which_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(namespace="ml", folder="state", state="Rejected", report=stored_report(tmp_path))
    assert run_report("nightly", "-n", "ml", "--state-dir", "state") == 0
    assert capsys.readouterr().out == TEXT


def test_the_report_is_written_and_an_old_file_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    assert run_report("nightly", "-o", "report.md") == 0
    assert Path("report.md").read_text() == TEXT
    assert capsys.readouterr().out == "Wrote report.md\n"
    Path("report.md").write_text("mine")
    with pytest.raises(ConfigurationError, match="--force"):
        run_report("nightly", "-o", "report.md")
    assert Path("report.md").read_text() == "mine"
    assert run_report("nightly", "-o", "report.md", "--force") == 0
    assert Path("report.md").read_text() == TEXT


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"state": "Training", "message": "2 of 3 symbols train."},
            "nightly has no report yet; its state is Training (2 of 3 symbols train).",
        ),
        ({"state": "Pending"}, "nightly has no report yet; its state is Pending."),
        (
            {"state": "Failed", "message": "Broken.", "report": {"message": "The bucket is gone."}},
            "nightly has no report yet; its state is Failed (The bucket is gone).",
        ),
    ],
)
def test_without_a_report_the_state_is_said_in_one_sentence(
    fields: dict[str, Any], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_status(**fields)
    assert run_report("nightly", "-o", "report.md") == 1
    assert capsys.readouterr() == ("", sentence + "\n")
    assert not Path("report.md").exists()


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ([], r"start one with `retrain run -f FILE`"),
        ([("weekly", "default"), ("nightly", "ml")], r"there are: weekly, nightly -n ml\."),
    ],
)
def test_an_unknown_run_is_told_with_those_that_are_known(there: list[tuple[str, str]], sentence: str) -> None:
    for name, namespace in there:
        write_status(name=name, namespace=namespace)
    with pytest.raises(NotFoundError, match=f"No run nightly in namespace default.*{sentence}"):
        run_report("nightly")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "Dreaming"}'])
def test_a_status_that_is_none_is_refused_in_one_sentence(content: str) -> None:
    write_status().write_text(content)
    with pytest.raises(DataError, match=r"status\.json is not the status of a run"):
        run_report("nightly")


def test_a_report_that_is_gone_is_told(tmp_path: Path) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    (tmp_path / "artifacts/reports/1/report.md").unlink()
    with pytest.raises(NotFoundError, match=r"The report is gone: .*report\.md") as gone:
        run_report("nightly")
    assert gone.value.reason == "ReportNotFound"
