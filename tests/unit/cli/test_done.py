"""What `retrain run` says of a run that has ended before: when, and whether its data has changed since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from support.planning import Cluster

from retrain_api.formatting import age
from retrain_api.run import RetrainRun
from retrain_cli.commands.runs.done import digest_of, nothing_to_do

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


@pytest.fixture(scope="module")
def ended() -> RetrainRun:
    """Three trained symbols, each from a file of its own."""
    cluster = Cluster.of()
    cluster.to_the_end()
    return cluster.run


def pins(run: RetrainRun) -> dict[str, str]:
    """The half of a sha256 that a status keeps, by the end of the file's name."""
    found = {}
    for entry in run.status.symbols:
        assert entry.result is not None
        assert entry.result.data is not None
        found[entry.symbol] = entry.result.data.sha256
    return found


@pytest.mark.parametrize(
    ("changed", "gone", "said"),
    [
        ((), (), "The data is the same as then; --rerun trains on it once more."),
        (("ETH-USD",), (), "The data of ETH-USD has changed since; --rerun trains on it."),
        (
            ("BTC-USD", "SOL-USD"),
            ("ETH-USD",),
            "The data of BTC-USD and SOL-USD has changed since; --rerun trains on it.",
        ),
        (SYMBOLS, (), "The data of BTC-USD, ETH-USD and SOL-USD has changed since; --rerun trains on it."),
        ((), ("SOL-USD",), "Whether the data of SOL-USD has changed since is unknown: it can't be read now."),
    ],
)
def test_a_run_that_ended_says_when_and_what_became_of_its_data(
    ended: RetrainRun, changed: tuple[str, ...], gone: tuple[str, ...], said: str
) -> None:
    def digest(uri: str) -> str | None:
        symbol = next(symbol for symbol in SYMBOLS if symbol in uri)
        if symbol in gone:
            return None
        return "f" * 64 if symbol in changed else pins(ended)[symbol] + "0" * 32

    assert ended.status.completion_time is not None
    now = datetime.fromisoformat(ended.status.completion_time) + timedelta(hours=9)
    assert nothing_to_do(ended, now, digest) == f"Nothing to do: improved-lstm ended 9 hours ago, Promoted. {said}"


def test_a_run_that_learnt_nothing_has_no_data_to_compare() -> None:
    cluster = Cluster.of()
    run = cluster.run.model_copy(update={"status": cluster.run.status.model_copy(update={"state": "Failed"})})
    said = nothing_to_do(run, datetime.now(UTC), lambda uri: None)
    assert said == "Nothing to do: improved-lstm ended, Failed. --rerun trains anew."


def test_a_file_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"candles")
    digest = digest_of({})
    assert digest(f"file://{tmp_path}/x.parquet") == sha256(b"candles").hexdigest()
    assert digest(f"file://{tmp_path}/y.parquet") is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (9 * 3_600 + 1, "9 hours"),
        (2 * 86_400, "2 days"),
        (400 * 86_400, "400 days"),
    ],
)
def test_an_age_is_in_the_largest_unit_of_which_there_are_two(seconds: float, said: str) -> None:
    assert age(seconds) == said
