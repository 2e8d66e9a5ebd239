"""`retrain init --schedule`: what it writes is a schedule whose lengths the files that are here can fill."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.init_case import candles, put, run_init
from support.json_schema import violations

from retrain_api.cron import Cron
from retrain_api.schedule import RetrainSchedule, parse_schedule
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.time import Duration, Interval
from retrain_cli.commands.init.run_text import Start
from retrain_cli.commands.init.schedule_text import schedule_text
from retrain_cli.commands.init.timing import timing
from retrain_cli.inputs.run_file import load_schedule

DAY = 1440


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written() -> RetrainSchedule:
    """The schedule that was written, which its schema accepts."""
    schema = json.loads(Path("retrain.schema.json").read_text())
    assert violations(schema, yaml.safe_load(Path("schedule.yaml").read_text())) == []
    return load_schedule("schedule.yaml")


@pytest.mark.parametrize("full", [(), ("--full",)])
def test_it_writes_a_schedule_of_the_run_that_it_would_write(here: Path, full: tuple[str, ...]) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles(rows=21 * DAY)})
    assert run_init("every-night", "--schedule", *full) == 0
    schedule = written()
    assert schedule.metadata.name == "every-night"
    assert (schedule.spec.schedule, schedule.spec.time_zone) == ("0 3 * * *", "Etc/UTC")
    assert schedule.spec.walk_forward and schedule.spec.walk_forward.slots == 6
    run = schedule.spec.run_template.spec
    assert (run.symbols, run.data.max_age, run.data.min_new_bars) == (("BTC-USD",), "1d", 720)
    assert (run.split.validation, run.split.test) == ("1d", "1d")
    assert (run.promotion.policy, run.promotion.expires_after) == ("Automatic", "7d")
    assert run.observation is not None and run.observation.every == "1d"


def test_a_run_and_a_schedule_may_lie_in_one_folder(here: Path) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles()})
    assert run_init() == 0 and run_init("--schedule") == 0
    assert {path.name for path in here.glob("*.*")} == {"retrain.yaml", "schedule.yaml", "retrain.schema.json"}


def test_what_it_says_next_is_about_a_schedule(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles()})
    assert run_init("--schedule") == 0
    said = capsys.readouterr().out
    assert "Wrote schedule.yaml, and beside it retrain.schema.json" in said
    assert said.endswith("Next: retrain doctor -f schedule.yaml, then: retrain schedule run -f schedule.yaml\n")


def test_without_files_it_says_how_to_look_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_init("weekly", "--schedule") == 0
    assert "Then: retrain init weekly --schedule -o schedule.yaml --force" in capsys.readouterr().out
    schedule = written()
    assert (schedule.spec.schedule, schedule.spec.run_template.spec.data.window) == ("0 3 * * 6", "180d")


def test_files_that_are_too_short_for_a_proof_get_none(here: Path) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles(rows=900)})
    assert run_init("--schedule") == 0
    schedule = written()
    run = schedule.spec.run_template.spec
    assert (schedule.spec.walk_forward, run.data.window, run.split.test) == (None, None, None)
    assert "too short to prove the recipe" in (here / "schedule.yaml").read_text()


@pytest.mark.parametrize(
    ("interval", "bars", "cron", "window", "test"),
    [
        ("1m", None, "0 3 * * 6", "180d", "13d"),
        ("1m", 400 * DAY, "0 3 * * 6", "180d", "13d"),
        ("1m", 200 * DAY, "0 3 * * 6", "96d", "10d"),
        ("1m", 51 * DAY, "0 3 * * *", "27d", "2d"),
        ("1m", 14 * DAY, "0 3 * * *", "6d", "16h"),
        ("1m", 900, "0 3 * * *", None, None),
        ("5m", None, "0 3 * * 6", "180d", "13d"),
        ("1h", None, "0 3 * * 6", "730d", "59d"),
        ("1d", None, "0 3 1 * *", "3650d", "730d"),
        ("1d", 2000, "0 3 1 * *", None, None),
        ("7m", 400 * DAY, "0 3 * * *", None, None),
    ],
)
def test_lengths_follow_from_the_bars_that_are_there(
    interval: str, bars: int | None, cron: str, window: str | None, test: str | None
) -> None:
    found = timing(interval, bars)
    assert (found.cron, found.window, found.test) == (cron, window, test)


@given(
    st.sampled_from(["1m", "5m", "15m", "1h", "4h", "1d", "7d", "7m"]),
    st.one_of(st.none(), st.integers(1, 3_000_000)),
    st.booleans(),
)
def test_whatever_is_here_the_schedule_is_one_and_its_oldest_replay_has_its_bars(
    interval: str, bars: int | None, full: bool
) -> None:
    times = timing(interval, bars)
    start = Start("x", "schedule.yaml", ("BTC-USD",), interval=interval, timing=times)
    schedule = parse_schedule(yaml.safe_load(schedule_text(start, times, full, True)))
    cron = Cron.parse(schedule.spec.schedule, schedule.spec.time_zone)
    run = schedule.spec.run_template.spec
    assert (schedule.spec.walk_forward is None) == (run.split.test is None)
    if run.split.test is None or bars is None:
        return
    assert _oldest_needs(run, cron) <= bars * Interval.parse(interval).nanoseconds


def _oldest_needs(run: RetrainRunSpec, cron: Cron) -> int:
    """From now back to the first bar of the oldest of six replays, in nanoseconds."""
    assert run.split.test and run.data.window
    purge = (run.model.lookback_bars + run.label.horizon_bars) * run.question.interval.nanoseconds
    apart = timedelta(microseconds=(Duration.parse(run.split.test).nanoseconds + purge) // 1000)
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    slot = cron.at_or_before(now)
    for _ in range(5):
        assert slot
        slot = cron.at_or_before(slot - apart)
    assert slot
    return int((now - slot).total_seconds()) * 10**9 + Duration.parse(run.data.window).nanoseconds
