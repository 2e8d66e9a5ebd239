"""`retrain report`: the report as it is in the store, or one sentence why there is none."""

from __future__ import annotations

import argparse
import re
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from support.documents import read_document

from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.status.run import ReportStatus, RetrainRunStatus
from retrain_cli.commands.results import report as report_command
from retrain_cli.commands.results import trades as trades_module
from retrain_trainer.report.markup import inline

TEXT = "# Report\n\nBTC-USD fails: accuracy 52.1 % is 15.9 points below 68 % \u2013 see below.\n"

PAGE = "<!doctype html><title>Report \u2013</title>"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_status(name: str = "nightly", namespace: str = "default", folder: str = ".retrain", **fields: Any) -> Path:
    path = Path(folder, namespace, name, "status.json")
    path.parent.mkdir(parents=True)
    path.write_text(RetrainRunStatus(**fields).model_dump_json(by_alias=True, exclude_none=True))
    return path


def stored_report(tmp_path: Path, page: bool = True) -> ReportStatus:
    path = tmp_path / "artifacts" / "reports" / "1" / "report.md"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    path.with_suffix(".html").write_text(PAGE)
    return ReportStatus(
        number=1, markdown=f"file://{path}", html=f"file://{path.with_suffix('.html')}" if page else None
    )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser was asked to open; there is none in a test."""
    places: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda place: bool(places.append(place) or place))
    return places


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
def test_without_a_report_one_sentence_gives_the_state(
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
        ([("weekly", "default"), ("nightly", "ml")], r"it holds weekly, nightly -n ml\."),
    ],
)
def test_for_an_unknown_run_the_known_ones_are_listed(there: list[tuple[str, str]], sentence: str) -> None:
    for name, namespace in there:
        write_status(name=name, namespace=namespace)
    with pytest.raises(NotFoundError, match=f"No run nightly in namespace default.*{sentence}"):
        run_report("nightly")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": 7}'])  # an unknown word may be a newer release's
def test_a_status_that_is_none_is_refused_in_one_sentence(content: str) -> None:
    write_status().write_text(content)
    with pytest.raises(DataError, match=r"status\.json is not the status of a run"):
        run_report("nightly")


def test_a_report_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    (tmp_path / "artifacts/reports/1/report.md").unlink()
    with pytest.raises(NotFoundError, match=r"The report is gone: .*report\.md") as gone:
        run_report("nightly")
    assert gone.value.reason == "ReportNotFound"


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (("-o", "report.html"), PAGE),
        (("-o", "report.htm"), PAGE),
        (("-o", "report.md"), TEXT),
        (("-o", "report"), TEXT),
        (("-o", "report", "--format", "html"), PAGE),
        (("-o", "report.html", "--format", "markdown"), TEXT),
    ],
)
def test_the_format_is_the_one_asked_for_or_that_of_the_file(
    options: tuple[str, ...], written: str, tmp_path: Path
) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    assert run_report("nightly", *options) == 0
    assert Path(options[1]).read_text() == written


def test_the_page_is_printed_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    assert run_report("nightly", "--format", "html") == 0
    assert capsys.readouterr().out == PAGE


def test_the_page_of_a_folder_is_opened_where_it_is(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    report = stored_report(tmp_path)
    write_status(state="Rejected", report=report)
    assert run_report("nightly", "--open") == 0
    assert opened == [report.html]
    assert capsys.readouterr().out == f"Opened {report.html}\n"


def test_the_page_of_another_store_is_opened_as_a_copy_that_stays(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "s3://bucket/models/reports/1/report.html"
    asked: list[str] = []
    monkeypatch.setattr(report_command, "read_stored", lambda place, _: asked.append(place) or PAGE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write_status(state="Rejected", report=ReportStatus(markdown="s3://bucket/models/reports/1/report.md", html=uri))
    assert run_report("nightly", "--open") == 0
    assert asked == [uri]
    assert Path(opened[0].removeprefix("file://")).read_text(encoding="utf-8") == PAGE
    assert Path(opened[0].removeprefix("file://")).parent == tmp_path


TRADES = "symbol,side\nBTC-USD,long\n"
LINKED = PAGE + inline("[trades.csv](trades.csv)")


def test_the_copy_has_the_trades_that_it_links_to(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = {"s3://b/1/report.html": LINKED, "s3://b/1/trades.csv": TRADES}
    for module in (report_command, trades_module):
        monkeypatch.setattr(module, "read_stored", lambda place, _: stored[place])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write_status(state="Rejected", report=ReportStatus(markdown="s3://b/1/report.md", html="s3://b/1/report.html"))
    assert run_report("nightly", "--open") == 0
    page = Path(opened[0].removeprefix("file://"))
    assert page.with_name(linked(page.read_text())).read_text() == TRADES


def linked(text: str) -> str:
    """The name of the file that a report links to."""
    found = re.search(r'href="([^"]*)"|\]\(([^)]*)\)', text)
    assert found is not None
    return unquote(found[1] or found[2])


@pytest.mark.parametrize(
    ("name", "text"), [("a b.html", LINKED), ("report.md", "[trades.csv](trades.csv)"), ("report", "](trades.csv)")]
)
def test_a_report_that_is_written_has_its_trades_beside_it(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    folder = tmp_path / "artifacts" / "reports" / "1"
    (folder / "trades.csv").write_text(TRADES)
    for report in ("report.md", "report.html"):
        (folder / report).write_text(text)
    trades = f"{Path(name).stem}-trades.csv"
    assert run_report("nightly", "-o", name) == 0
    assert capsys.readouterr().out == f"Wrote {name}, and beside it {trades}\n"
    assert linked(Path(name).read_text()) == trades and Path(trades).read_text() == TRADES
    Path(name).unlink()
    with pytest.raises(ConfigurationError, match=f"{trades} already exists"):
        run_report("nightly", "-o", name)
    assert not Path(name).exists()
    assert run_report("nightly", "-o", name, "--force") == 0


def test_a_report_whose_trades_are_gone_is_written_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    (tmp_path / "artifacts" / "reports" / "1" / "report.html").write_text(LINKED)
    assert run_report("nightly", "-o", "report.html") == 0
    assert Path("report.html").read_text() == LINKED
    assert capsys.readouterr().out == "Wrote report.html\n"


@pytest.mark.parametrize("options", [("--open",), ("--format", "html"), ("-o", "report.html")])
def test_a_report_without_a_page_says_so(options: tuple[str, ...], tmp_path: Path, opened: list[str]) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path, page=False))
    with pytest.raises(
        NotFoundError, match=r"The report of nightly has no HTML page: .*`retrain report nightly` prints"
    ):
        run_report("nightly", *options)
    assert not opened and not Path("report.html").exists()


def test_a_page_that_is_gone_is_told_before_a_browser_starts(tmp_path: Path, opened: list[str]) -> None:
    write_status(state="Rejected", report=stored_report(tmp_path))
    (tmp_path / "artifacts/reports/1/report.html").unlink()
    with pytest.raises(NotFoundError, match=r"The report is gone: .*report\.html"):
        run_report("nightly", "--open")
    assert not opened


def test_without_a_browser_the_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = stored_report(tmp_path)
    write_status(state="Rejected", report=report)
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    with pytest.raises(ConfigurationError, match=f"No browser can be started here; the page is at {report.html}"):
        run_report("nightly", "--open")


@pytest.mark.parametrize("options", [("--format", "markdown"), ("-o", "report.html")])
def test_opening_and_writing_contradict_each_other(options: tuple[str, ...], opened: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="--open shows the HTML report in the browser"):
        run_report("nightly", "--open", *options)
    assert not opened


def test_a_report_for_programs_has_the_results_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = stored_report(tmp_path)
    (tmp_path / "artifacts" / "reports" / "1" / "results.json").write_text('{"items": [{"symbol": "BTC-USD"}]}')
    write_status(state="Rejected", report=report)
    assert run_report("nightly", "--json") == 0
    document = read_document(capsys.readouterr().out, "Report")
    assert document["results"] == {"items": [{"symbol": "BTC-USD"}]}
    assert (document["state"], document["markdown"]) == ("Rejected", report.markdown)


@pytest.mark.parametrize("more", [("--open",), ("-o", "report.json"), ("--format", "html")])
def test_a_document_is_only_printed(more: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="leave out --open, --output and --format"):
        run_report("nightly", "--json", *more)


def test_results_that_are_no_json_are_a_sentence(tmp_path: Path) -> None:
    report = stored_report(tmp_path)
    (tmp_path / "artifacts" / "reports" / "1" / "results.json").write_text("{")
    write_status(state="Rejected", report=report)
    with pytest.raises(DataError, match="is not JSON; `retrain report` prints the report"):
        run_report("nightly", "--json")
