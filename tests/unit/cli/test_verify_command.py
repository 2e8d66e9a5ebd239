"""`retrain verify`: equal where every figure follows from the predictions, and else the name of what differs."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.measured_run import SYMBOL, MeasuredRun

from retrain_api.errors import ConfigurationError, NotFoundError
from retrain_cli.commands.results import verify as verify_command

REPORT = "reports/team/nightly/uid-of-nightly/1/"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> MeasuredRun:
    run = MeasuredRun(tmp_path_factory.mktemp("run"))
    assert [one.symbol for one in run.published().promoted] == [SYMBOL]
    return run


@pytest.fixture
def artifacts(original: MeasuredRun, tmp_path: Path) -> Path:
    """A copy of the artifacts, in another place than the one that its documents name."""
    shutil.copytree(original.root / "artifacts", tmp_path / "copy")
    return tmp_path / "copy"


def verify(place: object) -> int:
    parser = argparse.ArgumentParser()
    verify_command.add_arguments(parser)
    return verify_command.run(parser.parse_args([str(place)]))


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


@pytest.mark.parametrize("place", [f"{REPORT}results.json", REPORT, "reports/team/nightly", ""])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_honest_run_is_equal_wherever_its_artifacts_are(
    artifacts: Path, capsys: pytest.CaptureFixture[str], place: str, scheme: str
) -> None:
    assert verify(f"{scheme}{artifacts}/{place}") == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("nightly, report 1 of 20") and first.endswith(": equal")
    assert second.startswith(f"  {SYMBOL}: ") and " values computed again from " in second
    assert second.endswith("is the same from training to pointer")
    assert third.startswith("  taken as recorded, for the predictions do not tell it: ") and "other tries" in third


def test_a_results_file_alone_names_the_place_of_the_rest(original: MeasuredRun, tmp_path: Path) -> None:
    shutil.copy(original.root / "artifacts" / REPORT / "results.json", tmp_path / "mine.json")
    assert verify(tmp_path / "mine.json") == 0


def test_it_needs_no_torch(artifacts: Path) -> None:
    program = "import sys; sys.modules['torch'] = None; from retrain_cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "verify", f"{artifacts}/{REPORT}"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ": equal\n" in ended.stdout


def flipped(path: Path) -> None:
    """One bit of a file is another."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def rewritten(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def flatter(results: Any) -> None:
    """A higher accuracy, and the verdict as it was."""
    results["items"][0]["measurement"]["metrics"]["accuracy"] += 0.1


def luckier(results: Any) -> None:
    results["items"][0]["measurement"]["luck"] = 0.5


def less_tried(results: Any) -> None:
    results["items"][0]["measurement"]["judgedBefore"] = 7


def suspected(results: Any) -> None:
    results["items"][0]["measurement"]["suspicions"] = ["AUC is 0.991, above 0.97."]


def passed(results: Any) -> None:
    """A gate that the model does not meet, and the verdict as it was."""
    results["spec"]["gate"]["criteria"] = [{"metric": "accuracy", "atLeast": 0.99}]


def cheaper(results: Any) -> None:
    results["spec"]["evaluation"]["backtest"]["feeBps"] = 0


TRAINED = "runs/team/nightly/uid-of-nightly/*/result.json"
EVALUATED = "runs/team/nightly/uid-of-nightly/*/evaluation.json"
PREDICTED = "runs/team/nightly/uid-of-nightly/*/predictions.parquet"
RESULTS = f"{REPORT}results.json"
POINTER = f"promoted/{SYMBOL}.json"


@pytest.mark.parametrize(
    ("pattern", "spoil", "said"),
    [
        ("lstm_*.pt", flipped, "the model file has other bytes than were recorded"),
        ("lstm_*.pt", Path.unlink, "the model file is not there"),
        ("promoted/lstm_*.pt", flipped, "the promoted copy has other bytes than were recorded"),
        (POINTER, Path.unlink, "no model of BTC-USD is in service, although this one was promoted"),
        (
            POINTER,
            lambda path: rewritten(path, lambda pointer: pointer["metrics"].update(accuracy=0.99)),
            "the pointer of BTC-USD has other figures than results.json",
        ),
        (TRAINED, Path.unlink, "the training's result is not there"),
        (
            TRAINED,
            lambda path: rewritten(path, lambda result: result["model"].update(sha256="0" * 64)),
            "the training left another model than was judged",
        ),
        (
            TRAINED,
            lambda path: rewritten(path, lambda result: result["data"].update(sha256="0" * 64)),
            "the training learnt from other data than was recorded",
        ),
        (EVALUATED, Path.unlink, "evaluation.json is not there"),
        (EVALUATED, flipped, "evaluation.json has other bytes than were judged"),
        (EVALUATED, lambda path: path.write_text("{}"), "evaluation.json is damaged"),
        (PREDICTED, Path.unlink, "predictions.parquet is not there"),
        (PREDICTED, flipped, "predictions.parquet has other bytes than were recorded"),
        (PREDICTED, lambda path: path.write_bytes(b"PAR1"), "or it is damaged"),
        (RESULTS, lambda path: rewritten(path, flatter), "metrics.accuracy is "),
        (RESULTS, lambda path: rewritten(path, luckier), "luck is 0.5 in results.json, and the predictions give "),
        (RESULTS, lambda path: rewritten(path, less_tried), "judgedBefore is 7 in results.json, and the predictions give 0"),
        (RESULTS, lambda path: rewritten(path, suspected), "its suspicions in results.json are others than evaluation.json "),
        (RESULTS, lambda path: rewritten(path, passed), "the verdict on the run is Pass, and the figures give Fail"),
        (RESULTS, lambda path: rewritten(path, cheaper), "spec.evaluation is another than the predictions were made with"),
    ],
)  # fmt: skip
def test_whatever_was_changed_is_named(
    artifacts: Path, capsys: pytest.CaptureFixture[str], pattern: str, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(only(artifacts, pattern))
    assert verify(artifacts / REPORT) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith(": different")
    assert any(said in line for line in rest), rest


def test_a_changed_figure_with_a_digest_to_match_is_named(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever writes a better accuracy everywhere, and the digests anew, still has the predictions against them."""
    evaluation = only(artifacts, EVALUATED)
    rewritten(evaluation, lambda document: document["measurement"]["metrics"].update(accuracy=0.9876))

    def everywhere(results: Any) -> None:
        (item,) = results["items"]
        item["measurement"]["metrics"]["accuracy"] = 0.9876
        item["evaluation"]["sha256"] = sha256(evaluation.read_bytes()).hexdigest()[:16]

    rewritten(artifacts / RESULTS, everywhere)
    assert verify(artifacts / REPORT) == 1
    out = capsys.readouterr().out
    assert "measurement.metrics.accuracy is 0.9876, and the predictions give 0." in out
    assert "metrics.accuracy is 0.9876 in results.json, and the predictions give 0." in out
    assert "has other bytes" not in out


def test_a_model_that_is_in_service_no_longer_is_still_equal(
    artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewritten(artifacts / POINTER, lambda pointer: pointer["model"].update(sha256="0" * 64))
    assert verify(artifacts / REPORT) == 0
    assert "to promotion, and another model is in service now" in capsys.readouterr().out


def test_results_of_a_release_without_predictions_are_one_sentence(artifacts: Path) -> None:
    evaluation = only(artifacts, EVALUATED)
    rewritten(evaluation, lambda document: document.pop("predictions"))
    digest = sha256(evaluation.read_bytes()).hexdigest()[:16]
    rewritten(artifacts / RESULTS, lambda results: results["items"][0]["evaluation"].update(sha256=digest))
    with pytest.raises(NotFoundError, match=r"was measured by a release that kept no predictions") as failure:
        verify(artifacts / REPORT)
    assert failure.value.reason == "PredictionsNotFound" and "\n" not in failure.value.message


def test_a_symbol_without_figures_has_nothing_to_compute(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a run where another symbol's training failed; its verdict is computed all the same."""

    def unmeasured(results: Any) -> None:
        results["spec"]["symbols"].append("ETH-USD")
        results["items"].append({"symbol": "ETH-USD", "verdict": "Error"})

    rewritten(artifacts / RESULTS, unmeasured)
    assert verify(artifacts / REPORT) == 1
    out = capsys.readouterr().out
    assert "ETH-USD: it was not measured, so it has no figures" in out
    assert "the verdict on ETH-USD is missing, and the figures give Error" in out


@pytest.mark.parametrize(
    ("place", "error", "said"),
    [
        ("{root}/nothing.json", NotFoundError, "nothing.json is not there; give a results.json or its folder"),
        ("{root}/promoted", NotFoundError, "has no results.json; it is beside the report"),
        ("file://{root}/promoted/", NotFoundError, "has no results.json; it is beside the report"),
    ],
)
def test_a_place_without_results_is_one_sentence(
    artifacts: Path, place: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        verify(place.format(root=artifacts))


def test_a_folder_of_several_runs_asks_for_one(artifacts: Path) -> None:
    shutil.copytree(artifacts / "reports/team/nightly", artifacts / "reports/team/other")
    with pytest.raises(ConfigurationError, match=r"has the results of 2 runs; name one, such as .*/results\.json"):
        verify(artifacts)


def test_the_newest_report_of_a_run_is_taken(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(artifacts / REPORT, artifacts / REPORT.replace("/1/", "/10/"))
    rewritten(artifacts / REPORT.replace("/1/", "/10/") / "results.json", lambda results: results.update(number=10))
    assert verify(artifacts / "reports/team/nightly") == 0
    assert capsys.readouterr().out.startswith("nightly, report 10 of ")
