"""What a look's numbers mean: a word for each model and one for the run, and what people read of both."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.observed_run import ObservedRun
from support.planning import run_document
from support.results import DECAYED

from retrain_api.documents.results import Looked
from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.observation import ObservationStatus, ObservedState, ObservedSymbol
from retrain_operator.decide.observation.observed import Terms, at_the_end, entered, sees, worst
from retrain_operator.decide.observation.words import column, sentence
from retrain_operator.decide.phase_job import Failed

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NEW = ObservedSymbol(symbol="BTC-USD")
MODEL, OTHER = "a" * 64, "b" * 64
HOLDS: dict[str, Any] = {
    "symbol": "BTC-USD",
    "model": MODEL,
    "run": "uid-1",
    "newest": "2026-01-05T11:59:00Z",
    "bars": 6000,
    "right": 4200,
    "accuracy": 0.7,
    "promised": 0.74,
    "wealth": -1.0,
    "peak": 0.2,
    "promise": -0.5,
}
DECAYS = ObservedSymbol(symbol="BTC-USD", state="Decaying", model=MODEL[:12], bars=900, message="fell")


def run(**spec: Any) -> RetrainRun:
    return parse_run(run_document(**({"observation": {"every": "1d"}} | spec)))


def terms(symbols: int = 1, bar: float | None = 0.68, **spec: Any) -> Terms:
    entries = tuple(ObservedSymbol(symbol=f"C{number}") for number in range(symbols))
    return Terms.of(run(**spec), ObservationStatus(symbols=entries, bar=bar), NOW)


LINE = math.log(20)
CASES: dict[str, tuple[dict[str, Any], ObservedSymbol, Terms, str, str]] = {
    "it holds": ({}, NEW, terms(), "Holding", ""),
    "few bars": ({"bars": 99}, NEW, terms(), "Observing", "99 judged bars of the 100 that it takes"),
    "few bars of those that it takes": (
        {},
        NEW,
        terms(observation={"minBars": 10_000}),
        "Observing",
        "6,000 judged bars of the 10,000 that it takes",
    ),
    "at the line": (
        {"peak": LINE},
        NEW,
        terms(),
        "Decaying",
        "fell below the gate's bar of 68 %: right in 70 % of 6,000 bars since the test",
    ),
    "at the line of one of three": ({"peak": LINE}, NEW, terms(3), "Holding", ""),
    "at the line of three": (
        {"peak": math.log(60)},
        NEW,
        terms(3),
        "Decaying",
        "fell below the gate's bar of 68 %: right in 70 % of 6,000 bars since the test",
    ),
    "no bar in the gate": (
        {"peak": LINE},
        NEW,
        terms(gate={"criteria": [{"metric": "f1", "atLeast": 0.5}]}),
        "Decaying",
        "fell below the majority of its test: right in 70 % of 6,000 bars since the test",
    ),
    "below the promise": (
        {"promise": LINE},
        NEW,
        terms(),
        "BelowPromise",
        "right in 70 % of 6,000 bars since the test, which promised 74 %",
    ),
    "it decayed before": (
        {},
        DECAYS,
        terms(),
        "Decaying",
        "fell below the gate's bar of 68 %: right in 70 % of 6,000 bars since the test",
    ),
    "it decayed before, by another bar": ({}, DECAYS, terms(bar=0.75), "Holding", ""),
    "another model decayed before": ({"model": OTHER}, DECAYS, terms(), "Holding", ""),
    "no new bars": (
        {"newest": "2026-01-03T11:59:00Z"},
        NEW,
        terms(),
        "NoNewBars",
        "no new bars, the newest closed at 2026-01-03T11:59:00Z",
    ),
    "bars are just new enough": ({"newest": "2026-01-03T12:00:00Z"}, NEW, terms(), "Holding", ""),
    "bars are rarer than looks": (
        {"newest": "2025-12-29T12:00:00Z"},
        NEW,
        terms(data={"uri": "s3://bucket/", "interval": "7d"}),
        "Holding",
        "",
    ),
    "no new bars of what decays": (
        {"newest": "2026-01-03T11:59:00Z", "peak": LINE},
        NEW,
        terms(),
        "Decaying",
        "fell below the gate's bar of 68 %: right in 70 % of 6,000 bars since the test",
    ),
    "it can't be measured": (
        {"reason": "NotMeasurable", "problem": "Its card names no blocks.", "bars": 0},
        NEW,
        terms(),
        "NotMeasurable",
        "can't be measured: Its card names no blocks",
    ),
    "its data are gone": (
        {"reason": "DataNotFound", "problem": "No file.", "bars": 0},
        NEW,
        terms(),
        "Unobserved",
        "could not be judged (DataNotFound): No file",
    ),
    "its data are gone, and it decays": (
        {"reason": "DataNotFound", "problem": "No file.", "bars": 0},
        DECAYS,
        terms(),
        "Decaying",
        "fell; at the last look could not be judged (DataNotFound): No file",
    ),
    "its pointer can't be read, and it decays": (
        {"reason": "BadPointer", "problem": "No JSON.", "model": "", "run": ""},
        DECAYS,
        terms(),
        "Decaying",
        "fell; at the last look could not be judged (BadPointer): No JSON",
    ),
    "a newer run's": ({"run": "uid-2"}, NEW, terms(), "Superseded", "replaced by the model of a newer run"),
    "a newer run's, which can't be measured": (
        {"run": "uid-2", "reason": "NotMeasurable", "problem": "Old."},
        DECAYS,
        terms(),
        "Superseded",
        "replaced by the model of a newer run",
    ),
    "nothing is promoted": (
        {"model": "", "run": ""},
        NEW,
        terms(),
        "Superseded",
        "nothing is promoted any more",
    ),
    "rolled back to": (
        {"run": "uid-0", "model": OTHER, "rolled_back": True},
        NEW,
        terms(),
        "Holding",
        "rolled back to bbbbbbbb",
    ),
    "late bars": ({"late": 3}, NEW, terms(), "Holding", "of 3 judged blocks bars came late or were restated"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_model_has_a_word_and_a_sentence(name: str) -> None:
    numbers, before, asked, state, message = CASES[name]
    found = entered(before, Looked(**(HOLDS | numbers)), asked)
    assert (found.state, found.message) == (state, message)


@pytest.mark.parametrize(
    ("before", "state", "bars"), [(NEW, "Unobserved", None), (DECAYS, "Decaying", 900)], ids=["it held", "it decays"]
)
def test_what_was_known_stays_when_a_look_fails(before: ObservedSymbol, state: str, bars: int | None) -> None:
    failure = Failed("OOMKilled", "It needed more memory.")
    once = entered(before, failure, terms())
    assert (once.state, once.bars, once.model) == (state, bars, before.model)
    assert entered(once, failure, terms()) == once


def test_the_status_has_the_wealth_and_not_its_logarithm() -> None:
    assert entered(NEW, Looked(**(HOLDS | {"wealth": LINE})), terms()).wealth == pytest.approx(20)
    assert entered(NEW, Looked(**(HOLDS | {"wealth": 5_000.0})), terms()).wealth is not None


ORDER: tuple[ObservedState, ...] = (
    "Decaying",
    "BelowPromise",
    "Unobserved",
    "NotMeasurable",
    "NoNewBars",
    "Observing",
    "Holding",
    "Superseded",
)


def test_the_run_is_as_its_worst_model() -> None:
    for pair in permutations(ORDER, 2):
        assert worst(pair) == min(pair, key=ORDER.index)
    assert worst(("Superseded", "Superseded")) == "Superseded"


@pytest.mark.parametrize(
    ("states", "run_state", "text"),
    [
        (["Decaying"], "Decaying", "Decaying"),
        (["Decaying", "Holding"], "Decaying", "Decaying BTC-USD"),
        (["Holding", "Decaying"], "Decaying", "Decaying ETH-USD"),
        (["Holding", "Decaying", "Decaying"], "Decaying", "Decaying 2/3"),
        (["Holding", "Holding"], "Holding", "Holding"),
        (["Holding", "Superseded"], "Holding", "Holding BTC-USD"),
        (["Holding", "Holding"], "Unobserved", "Unobserved"),
        (["Decaying", "Holding"], "Suspended", "Suspended"),
    ],
)
def test_the_column(states: list[ObservedState], run_state: ObservedState, text: str) -> None:
    names = ("BTC-USD", "ETH-USD", "SOL-USD")
    symbols = tuple(ObservedSymbol(symbol=name, state=state) for name, state in zip(names, states, strict=False))
    assert column(ObservationStatus(state=run_state, symbols=symbols)) == text


@pytest.mark.parametrize(
    ("days", "text"),
    [((None,), None), ((0.01,), "1h"), ((0.7, None), "17h"), ((1.9,), "46h"), ((2.1, 0.3), "3d"), ((2e9,), "99999d")],
)
def test_how_long_a_fall_takes_to_show(days: tuple[float | None, ...], text: str | None) -> None:
    assert sees([Looked(symbol="BTC-USD", days_to_see=one) for one in days]) == text


MESSAGES: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "all hold": (
        {"ETH": {"accuracy": 0.723}},
        "Nothing speaks for a fall: 3 models, right in 70 % to 72.3 % of the bars since their tests.",
    ),
    "one decays": (
        {"ETH": DECAYED},
        "ETH-USD: fell below the gate's bar of 68 %: right in 46.7 % of 600 bars since the test. Go back to the model before with "
        "retrain rollback ETH-USD --artifacts s3://bucket/models/ --reason decaying, or train anew; it stays Decaying until another model stands.",
    ),
    "two decay": (
        {"ETH": DECAYED, "SOL": DECAYED},
        "ETH-USD and SOL-USD: fell below the gate's bar of 68 %: right in 46.7 % of 600 bars since the test. Go back to the model before "
        "with retrain rollback SYMBOL --artifacts s3://bucket/models/ --reason decaying, or train anew; it stays Decaying until another model stands.",
    ),
    "one that somebody went back to decays": (
        {"ETH": DECAYED | {"model": OTHER, "run": "uid-0", "rolled_back": True}},
        "ETH-USD: rolled back to bbbbbbbb, fell below the gate's bar of 68 %: right in 46.7 % of 600 bars since the test. Go back to the "
        "model before with retrain rollback ETH-USD --artifacts s3://bucket/models/ --to FILE --reason decaying, or train anew; it stays "
        "Decaying until another model stands.",
    ),
    "one is below its promise": (
        {"BTC": {"promise": 9.0}},
        "BTC-USD: right in 70 % of 600 bars since the test, which promised 71 %. This is a warning, which goes away by itself or becomes "
        "Decaying.",
    ),
    "one has few bars": ({"SOL": {"bars": 7}}, "SOL-USD: 7 judged bars of the 100 that it takes."),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_run_says_what_happened_and_what_to_type(name: str) -> None:
    numbers, message = MESSAGES[name]
    observed = ObservedRun(("BTC-USD", "ETH-USD", "SOL-USD"))
    observed.find(**numbers)
    assert observed.status.message == message
    condition = next(one for one in observed.cluster.run.status.conditions if one.type == "Holding")
    assert condition.message == message


def test_of_many_symbols_a_message_names_a_few() -> None:
    symbols = tuple(ObservedSymbol(symbol=f"C{number:02}", state="Decaying", message="fell") for number in range(64))
    said = sentence(run(), ObservationStatus(state="Decaying", symbols=symbols))
    assert said.startswith("C00, C01, C02, C03 and 60 more: fell.")
    different = tuple(one.model_copy(update={"message": f"fell by {one.symbol}"}) for one in symbols)
    assert "And others." in sentence(run(), ObservationStatus(state="Decaying", symbols=different))


numbers = st.fixed_dictionaries(
    {
        "bars": st.integers(0, 10_000),
        "peak": st.floats(-1, 50),
        "wealth": st.floats(-50, 50),
        "promise": st.none() | st.floats(-50, 50),
        "newest": st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-05T12:00:00Z"]),
        "model": st.sampled_from([MODEL, OTHER]),
        "late": st.integers(0, 2),
    }
)
problems = st.sampled_from(
    [{}, {"reason": "DataNotFound", "problem": "No file."}, {"reason": "NotMeasurable", "problem": "No blocks."}]
)
answers = st.one_of(
    st.builds(lambda found, problem: Looked(**(HOLDS | found | problem)), numbers, problems),
    st.just(Failed("OOMKilled", "It needed more memory.")),
)


@given(found=st.lists(answers, max_size=8))
def test_what_decays_does_so_until_another_model_stands(found: list[Looked | Failed]) -> None:
    entry = NEW
    for each in found:
        after = entered(entry, each, terms())
        stands = isinstance(each, Looked) and each.model[:12] != entry.model
        if entry.state == "Decaying" and not stands:
            assert after.state == "Decaying"
        entry = after


@given(found=st.lists(answers, min_size=1, max_size=8))
def test_a_result_that_is_read_twice_changes_nothing(found: list[Looked | Failed]) -> None:
    entry = NEW
    for each in found:
        entry = entered(entry, each, terms())
        assert entered(entry, each, terms()) == entry


@given(states=st.lists(st.sampled_from(ORDER), min_size=1), over=st.booleans())
def test_only_what_holds_is_held(states: list[ObservedState], over: bool) -> None:
    before = tuple(ObservedSymbol(symbol=f"C{number}", state=state) for number, state in enumerate(states))
    after = at_the_end(before, over)
    assert [one.state for one in after] == ["Held" if over and state == "Holding" else state for state in states]
    assert at_the_end(after, over) == after and at_the_end(after, False) == before


def test_a_look_is_late_after_twice_its_time() -> None:
    assert terms(observation={"every": "2h"}).late == NOW - timedelta(hours=4)
