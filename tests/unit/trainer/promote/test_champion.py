"""A model that must be an improvement takes the place of the model that it was compared with, and of no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contenders import LOOKBACK, SYMBOL, Contender, Market
from support.publishing_case import RUN

from retrain_api.documents.references import FileRef
from retrain_api.documents.results import NotPromoted, Promoted
from retrain_api.wire import timestamp
from retrain_trainer.model.pointer import Pointer, TestPeriod, read_pointer
from retrain_trainer.promote.promotion import decide, flip
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.report import html as report_html
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store

# With the real evaluation, gate and publication


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setattr(report_html, "draw", lambda _: {})  # dozens of publications: a page, but no plots
    return Market(tmp_path, {"old": 0.60, "a": 0.75, "b": 0.61, "c": 0.78})


def contenders(market: Market) -> tuple[Contender, Contender, Contender]:
    """The old model in service, and two that were measured against it while neither was promoted.

    Each was trained when there were some more bars: a champion is compared on bars after its own test.
    """
    old, a, b = (Contender.of(market, column, rows) for column, rows in (("old", 2_000), ("a", 2_500), ("b", 3_000)))
    old.measure()
    assert old.publish().promoted
    a.measure()
    b.measure()
    return old, a, b


def test_of_two_improvements_on_the_old_model_the_worse_one_does_not_replace_the_better(market: Market) -> None:
    old, a, b = contenders(market)
    assert [each.judged().verdict for each in (a, b)] == ["Pass", "Pass"]
    assert a.publish().promoted
    refusal = b.refused()
    assert (refusal.reason, refusal.champion) == ("ChampionChanged", a.digits)
    assert market.pointer.model.sha256 == a.result.model.sha256

    b.measure()
    again = b.measured[-1].measurement.champion
    assert again and (again.sha256, again.accuracy) == (a.digits, pytest.approx(0.75, abs=0.01))
    assert b.measured[0].measurement.champion.sha256 == old.digits, "the first measurement is kept beside the second"
    assert b.judged().verdict == "Fail"
    assert not b.publish().promoted
    assert market.pointer.model.sha256 == a.result.model.sha256


def test_a_model_that_also_beats_the_new_champion_is_promoted_in_the_end(market: Market) -> None:
    _, a, _ = contenders(market)
    c = Contender.of(market, "c")
    market.store.delete(f"promoted/{SYMBOL}.json")
    c.measure()
    assert a.publish().not_promoted[0].champion == "", "nothing is in service any more"
    a.result = a.result.model_copy(update={"champion": ""})
    a.measure()
    assert a.measured[-1].measurement.champion is None
    assert a.publish().promoted
    assert c.refused().champion == a.digits
    c.measure()
    assert c.publish().promoted
    assert market.pointer.previous.sha256 == a.result.model.sha256


@pytest.mark.parametrize(("rows", "left"), [(2_960, 39), (3_000, 0), (2_901, 98)])
def test_too_few_bars_after_the_test_of_the_new_champion_are_inconclusive(market: Market, rows: int, left: int) -> None:
    _, _, b = contenders(market)
    a = Contender.of(market, "a", rows)
    a.measure()
    assert a.publish().promoted
    b.refused()
    b.measure()
    judgement = b.judged()
    assert judgement.verdict == "Inconclusive"
    assert (
        "it can't be compared with the model promoted today (it has been chosen by its test up to" in judgement.summary
    )
    assert f"leaves {left} labelled test bars to compare on, and at least 100 are needed" in judgement.summary
    assert not b.publish().promoted
    assert market.pointer.model.sha256 == a.result.model.sha256


def test_the_champion_is_compared_on_bars_after_its_own_test(market: Market) -> None:
    """It was chosen for its figures on those before, which makes it look better than it is there."""
    _, a, b = contenders(market)
    assert [each.measured[0].measurement.champion.bars for each in (a, b)] == [499, 899 - LOOKBACK + 1]
    a.publish()
    b.refused()
    b.measure()
    assert b.measured[1].measurement.champion.bars == 499


@pytest.mark.parametrize(("until", "bars"), [(None, 499), (timedelta(), 499), (timedelta(minutes=50), 449)])
def test_its_tested_until_counts_and_without_one_the_last_bar_of_its_test(
    market: Market, until: timedelta | None, bars: int
) -> None:
    """A bar that opens at testedUntil is the first one that is new to it."""
    old, a = Contender.of(market, "old", 2_000), Contender.of(market, "a", 2_500)
    old.measure()
    old.publish()
    pointer = market.pointer
    end = pointer.tested_end
    assert pointer.tested_until and end == pointer.test.end + timedelta(minutes=1), "each of these bars is labelled"
    other = None if until is None else timestamp(end + until)
    market.store.write(f"promoted/{SYMBOL}.json", pointer.model_copy(update={"tested_until": other}).encode())
    a.measure()
    assert a.measured[-1].measurement.champion.bars == bars


def test_a_hundred_bars_after_its_test_are_enough(market: Market) -> None:
    _, _, b = contenders(market)
    a = Contender.of(market, "a", 2_899)
    a.measure()
    a.publish()
    b.refused()
    b.measure()
    champion = b.measured[-1].measurement.champion
    assert champion.bars == 100 and champion.difference is not None


def test_a_new_champion_that_cannot_be_read_is_inconclusive(market: Market) -> None:
    _, a, b = contenders(market)
    a.publish()
    b.refused()
    market.store.delete(market.pointer.model.uri.removeprefix(market.store.uri))
    b.measure()
    assert b.judged().verdict == "Inconclusive"
    assert not b.publish().promoted


def test_a_rollback_to_the_champion_lets_the_promotion_go_on(market: Market) -> None:
    old, a, b = contenders(market)
    a.publish()
    roll_back(market.store, SYMBOL, None, "ada", "bad fills", "2025-06-25T09:00:00Z")
    assert b.publish().promoted, "it was measured against the model that is in service again"
    assert market.pointer.previous.sha256 == old.result.model.sha256
    assert market.pointer.withdrawn == (a.result.model.sha256,)


def test_a_champion_that_was_withdrawn_since_is_not_the_one_to_beat(market: Market) -> None:
    old, a, _ = contenders(market)
    a.publish()
    c = Contender.of(market, "c")
    c.measure()
    roll_back(market.store, SYMBOL, None, "ada", "bad fills", "2025-06-25T09:00:00Z")
    assert c.refused().champion == old.digits
    c.measure()
    assert c.measured[-1].measurement.champion.sha256 == old.digits
    assert c.publish().promoted


def test_measured_again_it_is_compared_with_the_model_that_publish_met_wherever_the_pointer_has_gone(
    market: Market,
) -> None:
    """Else the key that names it would be used up, and a rollback to it would leave the run without an answer."""
    _, a, b = contenders(market)
    a.publish()
    assert b.refused().champion == a.digits
    roll_back(market.store, SYMBOL, None, "ada", "bad fills", "2025-06-25T09:00:00Z")
    b.measure()
    assert b.measured[-1].measurement.champion.sha256 == a.digits


def test_where_the_file_of_the_model_met_is_gone_the_model_in_service_has_to_do(market: Market) -> None:
    old, a, b = contenders(market)
    a.publish()
    b.refused()
    promoted = market.pointer.model.uri.removeprefix(market.store.uri)
    roll_back(market.store, SYMBOL, None, "ada", "bad fills", "2025-06-25T09:00:00Z")
    market.store.delete(promoted)
    b.measure()
    assert b.measured[-1].measurement.champion.sha256 == old.digits


def test_an_override_asks_for_no_champion(market: Market) -> None:
    _, a, b = contenders(market)
    a.publish()
    assert b.publish(override=True).promoted
    assert market.pointer.model.sha256 == b.result.model.sha256


def test_without_require_improvement_the_last_one_promoted_is_in_service(market: Market) -> None:
    _, a, b = contenders(market)
    free = b.run.spec.model_copy(
        update={"promotion": b.run.spec.promotion.model_copy(update={"require_improvement": False})}
    )
    b.run = b.run.model_copy(update={"spec": free})
    a.publish()
    assert b.publish().promoted
    assert (
        f"the model {b.measured[0].measurement.champion.sha256}, in service when it was measured, reads" in b.report()
    )


def test_the_report_says_in_plain_words_why_a_model_that_passes_was_not_promoted(market: Market) -> None:
    old, a, b = contenders(market)
    a.publish()
    b.refused()
    text, file = b.report(), market.pointer.model.uri.rsplit("/", 1)[-1]
    assert "**Pass, Ideal**: the model passes." in text
    assert (
        f"BTC-USD was not promoted: It was compared with the model {old.digits}, but {file} has been put in service "
        "since; it is measured again, against that one." in text
    )
    assert f"the model {old.digits}, in service when it was measured, reads 60" in text


# What a pointer settles


def candidate(sha: str = "1", **changes: Any) -> Pointer:
    period = TestPeriod(first_bar="2025-06-17T00:00:00Z", last_bar="2025-06-24T00:00:00Z")
    pointer = Pointer(
        symbol=SYMBOL,
        model=FileRef(uri=f"file:///promoted/{sha}.pt", sha256=sha * 64),
        run=RUN,
        test=period,
        promoted_at="2025-06-24T02:00:00Z",
    )
    return pointer.model_copy(update=changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


def opened(folder: Path) -> Store:
    (folder / "artifacts").mkdir()
    return open_store(f"file://{folder}/artifacts/", {}, 1)


MEASURED_AGAINST_2 = "It was compared with the model 222222222222, but "
NEWER = TestPeriod(first_bar="2025-06-20T00:00:00Z", last_bar="2025-06-29T00:00:00Z")


@pytest.mark.parametrize(
    ("today", "champion", "reason", "named", "words"),
    [
        (None, None, None, "", ""),
        (None, "", None, "", ""),
        (None, "2" * 12, "ChampionChanged", "", MEASURED_AGAINST_2 + "no model is in service any more; it is measured again."),
        (candidate("2"), None, None, "", ""),
        (candidate("2"), "2" * 12, None, "", ""),
        (candidate("3"), "2" * 12, "ChampionChanged", "3" * 12, MEASURED_AGAINST_2 + "3.pt has been put in service since; it is measured again, against that one."),
        (candidate("3"), "", "ChampionChanged", "3" * 12, "No model was in service when it was measured, but 3.pt has been put in service since; it is measured again, against that one."),
        (candidate("3", withdrawn=("1" * 64,)), "2" * 12, "RolledBack", "", "This model was withdrawn"),
        (candidate("3", test=NEWER), "2" * 12, "OlderTest", "", "It was tested on bars up to"),
    ],
)  # fmt: skip
def test_a_candidate_takes_the_place_of_its_champion_alone(
    store: Store, today: Pointer | None, champion: str | None, reason: str | None, named: str, words: str
) -> None:
    if today is not None:
        store.write(f"promoted/{SYMBOL}.json", today.encode())
    settled, flipped = decide(store, candidate(), champion), flip(store, candidate(), champion)
    if reason is None:
        assert settled is None and isinstance(flipped, Promoted)
        return
    assert settled == flipped and isinstance(flipped, NotPromoted)
    assert (flipped.reason, flipped.champion) == (reason, named)
    assert flipped.message.startswith(words)


@pytest.mark.parametrize("champion", [None, "", "2" * 12])
def test_a_model_that_is_in_service_already_is_promoted_whatever_it_was_measured_against(
    store: Store, champion: str | None
) -> None:
    flip(store, candidate())
    assert isinstance(decide(store, candidate(), champion), Promoted)
    assert isinstance(flip(store, candidate(), champion), Promoted)


def test_an_override_takes_the_place_of_any_model(store: Store) -> None:
    flip(store, candidate("3"))
    assert isinstance(flip(store, candidate(override=True), "2" * 12), Promoted)


# However two promotions interleave


@dataclass
class Turns:
    """Whose store call is next. Who is not waiting for a call, or has ended, is passed over."""

    order: list[int]
    running: set[int]
    changed: Condition = field(default_factory=Condition)
    waiting: set[int] = field(default_factory=set)

    @contextmanager
    def turn(self, who: int) -> Iterator[None]:
        with self.changed:
            self.waiting.add(who)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self._next() == who)
            yield
            self.waiting.discard(who)
            self.order[:1] = []
            self.changed.notify_all()

    def _next(self) -> int | None:
        """None until everyone who runs waits, so that the order alone decides."""
        if self.waiting != self.running:
            return None
        self.order[:] = [who for who in self.order if who in self.running]
        return self.order[0] if self.order else min(self.running)

    def end(self, who: int) -> None:
        with self.changed:
            self.running.discard(who)
            self.changed.notify_all()


@dataclass
class Interleaved:
    """The store as one of several sees it: each of its calls waits for its turn."""

    store: Store
    turns: Turns
    who: int
    written: list[Pointer]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str) -> Any:
        with self.turns.turn(self.who):
            return self.store.read(key)

    def write(self, key: str, data: bytes, **condition: Any) -> str:
        with self.turns.turn(self.who):
            etag = self.store.write(key, data, **condition)
            self.written.append(Pointer.model_validate_json(data))
            return etag


def in_service(store: Any) -> str:
    pointed = read_pointer(store, SYMBOL)
    return pointed.pointer.model.sha256[:12] if pointed else ""


def contend(store: Interleaved, against: dict[str, str]) -> None:
    """Measure against what is in service and promote; once more where that has changed."""
    pointer = candidate(f"{store.who + 1}")
    champion = in_service(store)
    for _ in range(2):
        against[pointer.model.sha256] = champion
        outcome = flip(store, pointer, champion)
        if isinstance(outcome, Promoted):
            return
        champion = outcome.champion


def put_back(store: Interleaved) -> None:
    """Somebody puts the old model back into service, unconditionally."""
    store.write(f"promoted/{SYMBOL}.json", candidate("0").encode())


def together(store: Store, order: list[int], acts: list[Callable[[Interleaved], None]]) -> list[Pointer]:
    """Every pointer that was written, in order."""
    written: list[Pointer] = []
    turns = Turns(list(order), set(range(len(acts))))

    def run(who: int) -> None:
        try:
            acts[who](Interleaved(store, turns, who, written))
        finally:
            turns.end(who)

    threads = [Thread(target=run, args=(who,)) for who in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return written


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=16), st.booleans(), st.booleans())
def test_whatever_the_interleaving_each_model_in_service_was_measured_against_the_one_before_it(
    order: list[int], before: bool, disturbed: bool
) -> None:
    against: dict[str, str] = {}

    def contender(store: Interleaved) -> None:
        contend(store, against)

    with TemporaryDirectory() as folder:
        store = opened(Path(folder))
        first = candidate("0").encode()
        if before:
            store.write(f"promoted/{SYMBOL}.json", first)
        written = together(store, order, [contender, contender, *([put_back] if disturbed else [])])
        followed = "0" * 12 if before else ""
        for pointer in written:
            digest = pointer.model.sha256
            if digest != "0" * 64:
                assert against[digest] == followed
                assert (pointer.previous.sha256[:12] if pointer.previous else "") == followed
            followed = digest[:12]
        assert written and in_service(store) == followed
