"""Promotion: exactly the evaluated bytes, the pointer last, and never only half of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import RUN, measured, model_bytes, publish_item, publish_task

from retrain_api.documents.references import FileRef
from retrain_api.documents.results import Promoted, PublishResult
from retrain_api.errors import DataError, NotFoundError, StoreUnreachable
from retrain_trainer.model.pointer import Pointer, TestPeriod, read_pointer
from retrain_trainer.promote.promotion import FLIPS, flip
from retrain_trainer.report import html as report_html
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish

NOW = datetime(2025, 6, 24, 2, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "artifacts").mkdir()
    return open_store(f"file://{tmp_path}/artifacts/", {}, 1)


def published(store: Any, items: list[Any], **changes: Any) -> PublishResult:
    task = publish_task(store, items, **changes)
    return publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None)


def pointer_of(store: Store, symbol: str) -> Pointer | None:
    pointed = read_pointer(store, symbol)
    return pointed.pointer if pointed else None


def test_a_promoted_model_has_the_evaluated_bytes_a_card_and_a_pointer(store: Store) -> None:
    result = published(store, [publish_item(store, "BTC-USD", measured(0.7))], approved_by="ada")
    pointer = pointer_of(store, "BTC-USD")
    assert pointer is not None
    assert [model.symbol for model in result.promoted] == ["BTC-USD"]
    key = pointer.model.uri.removeprefix(store.uri_of(""))
    assert key == f"promoted/lstm_BTC_USD_1m_{pointer.model.sha256[:8]}.pt"
    assert sha256(store.read(key).data).hexdigest() == pointer.model.sha256
    card = json.loads(store.read(key.replace(".pt", ".json")).data)
    assert card["version"] == 1 and card["evaluation"]["measurement"]["metrics"]["accuracy"] == 0.7
    assert json.loads(store.read("promoted/BTC-USD.json").data) == {
        "schemaVersion": 1,
        "symbol": "BTC-USD",
        "model": {"uri": result.promoted[0].uri, "sha256": sha256(model_bytes("BTC-USD")).hexdigest()},
        "run": {"namespace": RUN.namespace, "name": RUN.name, "uid": RUN.uid},
        "trainKey": "a" * 16,
        "evaluateKey": "b" * 16,
        "metrics": pointer.model_dump(by_alias=True)["metrics"],
        "test": {"firstBar": "2025-06-17T00:00:00Z", "lastBar": "2025-06-24T00:00:00Z"},
        "calibration": "Platt",
        "promotedAt": "2025-06-24T02:00:00Z",
        "approvedBy": "ada",
        "override": False,
        "rolledBack": None,
        "withdrawn": [],
        "previous": None,
    }


def test_only_what_the_task_names_is_promoted(store: Store) -> None:
    items = [
        publish_item(store, "BTC-USD", measured(0.7)),
        publish_item(store, "SOL-USD", measured(0.6), promote=False),
    ]
    assert [model.symbol for model in published(store, items).promoted] == ["BTC-USD"]
    assert pointer_of(store, "SOL-USD") is None


def test_a_promotion_records_the_one_before_it(store: Store) -> None:
    published(store, [publish_item(store, "BTC-USD", measured(0.7))])
    old = pointer_of(store, "BTC-USD")
    item = publish_item(store, "BTC-USD", measured(0.72), version=2)
    result = published(store, [item], publish_key="e" * 16, number=2)
    new = pointer_of(store, "BTC-USD")
    assert old and new and new.previous
    assert (new.previous.uri, new.previous.sha256) == (old.model.uri, old.model.sha256)
    assert new.previous.metrics.accuracy == 0.7
    assert result.promoted[0].previous == old.model.uri


@pytest.mark.parametrize(
    ("last_bar", "promoted"),
    [
        ("2025-06-23T23:59:00Z", False),
        ("2025-06-24T00:00:00Z", True),
        ("2025-06-24T02:30:00+02:00", True),
        ("2025-06-24T01:00:00+02:00", False),
    ],
)
def test_a_model_tested_on_older_bars_never_replaces_todays(store: Store, last_bar: str, promoted: bool) -> None:
    published(store, [publish_item(store, "BTC-USD", measured(0.7))])
    before = store.read("promoted/BTC-USD.json").data
    item = publish_item(store, "BTC-USD", measured(0.8), version=2, last_bar=last_bar)
    result = published(store, [item], publish_key="e" * 16, number=2)
    assert bool(result.promoted) is promoted
    assert [refused.reason for refused in result.not_promoted] == ([] if promoted else ["OlderTest"])
    assert (store.read("promoted/BTC-USD.json").data == before) is not promoted


def test_an_override_may_go_back_to_a_model_tested_on_older_bars_and_the_pointer_says_so(store: Store) -> None:
    published(store, [publish_item(store, "BTC-USD", measured(0.7))])
    item = publish_item(store, "BTC-USD", measured(0.5), version=2, last_bar="2025-06-20T00:00:00Z")
    item = item.model_copy(update={"verdict": "Fail"})
    why = "Ann: a trial on paper"
    result = published(store, [item], publish_key="e" * 16, number=2, approved_by=why, override=True)
    pointer = pointer_of(store, "BTC-USD")
    assert pointer and pointer.model.sha256 == item.model.sha256
    assert (pointer.override, pointer.approved_by) == (True, why)
    assert pointer.as_previous().override and pointer.as_previous().approved_by == why
    text = store.read(result.markdown.removeprefix(store.uri_of(""))).data.decode()
    assert text.count("**Override:** BTC-USD promoted by override, not by the gate: Ann: a trial on paper.") == 1
    assert json.loads(store.read(result.results.removeprefix(store.uri_of(""))).data)["override"] is True


def test_the_model_of_today_is_already_promoted_whatever_it_was_tested_on(store: Store) -> None:
    published(store, [publish_item(store, "BTC-USD", measured(0.7))])
    before = store.read("promoted/BTC-USD.json").data
    item = publish_item(store, "BTC-USD", measured(0.7), last_bar="2025-06-20T00:00:00Z")
    result = published(store, [item], publish_key="e" * 16, number=2)
    assert [model.symbol for model in result.promoted] == ["BTC-USD"]
    assert store.read("promoted/BTC-USD.json").data == before


def test_one_changed_model_stops_the_promotion_of_all(store: Store) -> None:
    items = [publish_item(store, "BTC-USD", measured(0.7)), publish_item(store, "ETH-USD", measured(0.7))]
    store.write(items[1].model.uri.removeprefix(store.uri_of("")), b"other weights")
    with pytest.raises(DataError, match="other bytes than were evaluated") as failure:
        published(store, items)
    assert failure.value.reason == "ModelChanged"
    assert pointer_of(store, "BTC-USD") is None and pointer_of(store, "ETH-USD") is None
    assert b"had not been carried out when this report was written" in store.read(f"{report(store)}report.md").data


def report(store: Store) -> str:
    return f"reports/{RUN.namespace}/{RUN.name}/{RUN.uid}/1/"


def test_other_bytes_under_the_name_of_a_promoted_model_are_not_overwritten(store: Store) -> None:
    item = publish_item(store, "BTC-USD", measured(0.7))
    name = item.model.uri.rsplit("/", 1)[-1]
    store.write(f"promoted/{name}", b"something else")
    with pytest.raises(DataError, match="its bytes are not those that its name says"):
        published(store, [item])
    assert store.read(f"promoted/{name}").data == b"something else"


def test_a_damaged_pointer_stops_the_promotion_with_advice(store: Store) -> None:
    store.write("promoted/BTC-USD.json", b"{}")
    with pytest.raises(DataError, match="is not a pointer to a promoted model"):
        published(store, [publish_item(store, "BTC-USD", measured(0.7))])
    assert store.read("promoted/BTC-USD.json").data == b"{}"


@pytest.mark.parametrize("change", ["gone", "other"])
def test_an_evaluation_that_is_not_the_judged_one_promotes_nothing(store: Store, change: str) -> None:
    item = publish_item(store, "BTC-USD", measured(0.7))
    key = item.evaluation.uri.removeprefix(store.uri_of(""))
    store.delete(key) if change == "gone" else store.write(key, b"{}")
    with pytest.raises((NotFoundError, DataError)):
        published(store, [item])
    assert pointer_of(store, "BTC-USD") is None


class Counted:
    """A store that dies at the n-th call, before or after the call has done its work."""

    def __init__(self, store: Store, last: int, after: bool) -> None:
        self.store, self.left, self.after = store, last, after

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.store, name)
        if name in ("uri", "uri_of") or not callable(attribute):
            return attribute
        return self._dying(attribute)

    def _dying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise StoreUnreachable("Killed", "killed before the call")
            try:
                return call(*arguments, **named)
            finally:
                if self.left == 0:
                    raise StoreUnreachable("Killed", "killed after the call")

        return counted


def prepared(folder: Path, version: int) -> tuple[Store, list[Any]]:
    """A store with a first promotion of BTC-USD done, and the items of the next."""
    folder.mkdir()
    store = open_store(f"file://{folder}/", {}, 1)
    published(store, [publish_item(store, "BTC-USD", measured(0.7))])
    items = [publish_item(store, symbol, measured(0.75), version=version) for symbol in ("BTC-USD", "ETH-USD")]
    return store, items


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_store_call_the_pointers_are_old_or_new_and_a_rerun_completes(
    tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_html, "draw", lambda _: {})  # dozens of publications: a page, but no plots
    calls = 0
    while True:
        calls += 1
        store, items = prepared(tmp_path / f"{calls}", version=2)
        old = pointer_of(store, "BTC-USD")
        try:
            published(Counted(store, calls, after), items, number=2, publish_key="e" * 16)
        except StoreUnreachable:
            for item in items:
                whole(store, item, old)
        else:
            break
        finished = published(store, items, number=2, publish_key="e" * 16)
        assert [model.symbol for model in finished.promoted] == ["BTC-USD", "ETH-USD"]
        new = pointer_of(store, "BTC-USD")
        assert new and old and new.model.sha256 == items[0].model.sha256
        assert new.previous and new.previous.sha256 == old.model.sha256
        text = store.read(f"reports/{RUN.namespace}/{RUN.name}/{RUN.uid}/2/report.md").data.decode()
        assert old.model.uri.rsplit("/", 1)[-1] in text
    assert calls > 20


def whole(store: Store, item: Any, old: Pointer | None) -> None:
    """The pointer of a symbol names the old model or the new one, and the file it names is there with its bytes."""
    pointer = pointer_of(store, item.symbol)
    if pointer is None:
        assert item.symbol == "ETH-USD"
        return
    assert pointer.model.sha256 in {item.model.sha256, old.model.sha256 if old else ""}
    data = store.read(pointer.model.uri.removeprefix(store.uri_of(""))).data
    assert sha256(data).hexdigest() == pointer.model.sha256


def test_a_finished_publication_is_repeated_and_touches_nothing(store: Store) -> None:
    items = [publish_item(store, "BTC-USD", measured(0.7))]
    first = published(store, items)
    store.write("promoted/BTC-USD.json", b"promoted by somebody else since")
    assert published(store, items) == first
    assert store.read("promoted/BTC-USD.json").data == b"promoted by somebody else since"


def test_of_two_concurrent_publications_both_return_the_result_of_the_first(store: Store) -> None:
    items = [publish_item(store, "BTC-USD", measured(0.7))]
    first = published(store, items)
    marker = next(key for key in keys(store) if "published-" in key)
    slow = Raced(store, before="published-", meanwhile=lambda: None, hide=marker)
    assert published(slow, items) == first


def keys(store: Store) -> list[str]:
    return [str(getattr(entry, "key", entry)) for entry in store.list("")]


class Raced:
    """A store in which somebody else acts just before each write under a name."""

    def __init__(self, store: Store, before: str, meanwhile: Callable[[], None], hide: str = "") -> None:
        self.store, self.before, self.meanwhile, self.hide = store, before, meanwhile, hide

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str) -> Any:
        if key == self.hide:
            self.hide = ""
            raise NotFoundError("ObjectNotFound", key)
        return self.store.read(key)

    def write(self, key: str, data: bytes, **condition: Any) -> str:
        if self.before in key:
            self.meanwhile()
        return self.store.write(key, data, **condition)


def candidate(last_bar: str = "2025-06-24T00:00:00Z", sha: str = "1") -> Pointer:
    return Pointer(
        symbol="BTC-USD",
        model=FileRef(uri=f"file:///promoted/{sha}.pt", sha256=sha * 64),
        run=RUN,
        test=TestPeriod(first_bar="2025-06-17T00:00:00Z", last_bar=last_bar),
        promoted_at="2025-06-24T02:00:00Z",
    )


@pytest.mark.parametrize(("others", "reason"), [("2025-06-23T00:00:00Z", None), ("2025-06-25T00:00:00Z", "OlderTest")])
def test_a_pointer_flipped_in_the_meantime_is_read_again(store: Store, others: str, reason: str | None) -> None:
    once = [candidate(others, sha="2")]

    def meanwhile() -> None:
        if once:
            store.write("promoted/BTC-USD.json", once.pop().encode())

    outcome = flip(Raced(store, "promoted/", meanwhile), candidate())
    assert getattr(outcome, "reason", None) == reason
    pointer = pointer_of(store, "BTC-USD")
    assert pointer and pointer.model.sha256 == ("1" if reason is None else "2") * 64
    if reason is None:
        assert isinstance(outcome, Promoted) and outcome.previous == "file:///promoted/2.pt"


@pytest.mark.parametrize("claimed", ["2035-01-03T03:59:00Z", "2025-07-01T02:01:00Z"])
def test_a_model_tested_on_a_bar_after_its_own_promotion_keeps_no_other_out(store: Store, claimed: str) -> None:
    store.write("promoted/BTC-USD.json", candidate(claimed, sha="2").encode())
    assert isinstance(flip(store, candidate("2025-06-20T00:00:00Z")), Promoted)
    pointer = pointer_of(store, "BTC-USD")
    assert pointer and pointer.model.sha256 == "1" * 64


def test_a_pointer_that_others_keep_changing_is_left_for_a_retry(store: Store) -> None:
    versions = iter(range(10 * FLIPS))

    def meanwhile() -> None:
        other = candidate(sha="2").model_copy(update={"train_key": str(next(versions))})
        store.write("promoted/BTC-USD.json", other.encode())

    with pytest.raises(StoreUnreachable, match="Others changed "):
        flip(Raced(store, "promoted/", meanwhile), candidate())


def test_the_conditional_write_is_what_protects_the_pointer(store: Store) -> None:
    store.write("promoted/BTC-USD.json", candidate(sha="2").encode())
    with pytest.raises(Conflict):
        store.write("promoted/BTC-USD.json", candidate().encode(), if_absent=True)


def test_the_page_beside_the_report_has_the_promotion_and_the_cards_curves(store: Store) -> None:
    item = publish_item(store, "BTC-USD", measured(0.7))
    assert item.model is not None
    card = item.model.uri.removeprefix(store.uri_of("")).replace(".pt", ".json")
    epoch = {"epoch": 1, "train_loss": 0.6, "validation_loss": 0.7, "validation_accuracy": 0.5, "learning_rate": 0.001}
    store.write(card, json.dumps({"epochs": [epoch]}).encode())
    result = published(store, [item])
    assert result.html == result.markdown.replace(".md", ".html")
    page = store.read(result.html.removeprefix(store.uri_of(""))).data.decode()
    assert f"<code>{result.promoted[0].uri}</code>" in page
    assert "1 epoch, train loss 0.6" in page


@pytest.mark.parametrize("card", [b"", b"[]", b"{", b"\xff"])
def test_a_damaged_card_costs_only_the_training_curves(store: Store, card: bytes) -> None:
    item = publish_item(store, "BTC-USD", measured(0.7), promote=False)
    assert item.model is not None
    store.write(item.model.uri.removeprefix(store.uri_of("")).replace(".pt", ".json"), card)
    assert published(store, [item]).html is not None


def test_a_plot_that_fails_keeps_no_model_from_being_promoted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_html, "draw", lambda _: 1 / 0)
    task = publish_task(store, [publish_item(store, "BTC-USD", measured(0.7))])
    lines: list[str] = []
    result = publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lines.append)
    assert (result.html, [model.symbol for model in result.promoted]) == (None, ["BTC-USD"])
    assert lines[0].startswith("No report.html: its plots could not be drawn (retrain_trainer.")
    assert not list(Path(task.artifacts_uri.removeprefix("file://")).rglob("report.html"))
