"""A file whose ending promises a format that is not written is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrain_api.errors import ConfigurationError
from retrain_cli.inputs.output_file import require_ending, require_folder
from retrain_cli.main import main


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("report", "nightly", "-o", "q.pdf"),
            "q.pdf: a report is written as .md, .markdown, .html or .htm; give a name that ends so.",
        ),
        (
            ("report", "nightly", "--format", "html", "-o", "x.csv"),
            "x.csv: a report is written as .md, .markdown, .html or .htm; give a name that ends so.",
        ),
        (
            ("features", "candles.parquet", "-o", "x.csv"),
            "x.csv: features are written as .parquet; give a name that ends so.",
        ),
        (("init", "-o", "run.json"), "run.json: a run is written as .yaml or .yml; give a name that ends so."),
        (("gate", "replay", "r.json", "-o", "q.pdf"), "-o/--output can't be q.pdf; write text or json."),
        (
            ("import", "candles.csv", "--symbol", "BTC-USD", "-o", "x.csv"),
            "x.csv: give a folder; the file that is written in it is named by --filename.",
        ),
        (
            ("import", "candles.csv", "--symbol", "BTC-USD", "-o", "data", "--filename", "{symbol}.csv"),
            "{symbol}.csv: candles are written as .parquet; give a name that ends so.",
        ),
    ],
)
def test_another_format_is_refused_with_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"retrain: {sentence}\n")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", ["report.md", "report.MD", "a.b/report.html", "report", ".hidden"])
def test_what_promises_nothing_else_is_taken(name: str) -> None:
    require_ending(Path(name), "a report is", ".md", ".html")


def test_a_folder_may_have_any_name() -> None:
    Path("candles.csv").mkdir()
    for name in ("candles.csv", "data", "data.2025", "."):
        require_folder(Path(name))
    with pytest.raises(ConfigurationError, match="give a folder"):
        require_folder(Path("candles.parquet"))
