"""Publication on a real S3 server: conditional writes, versions, several publishers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest
from support.publishing_case import RUN, measured, publish_item, publish_task, put_model

from retrain_api.documents.references import FileRef
from retrain_api.documents.results import NotPromoted, Promoted
from retrain_api.documents.tasks import DeliverTarget, DeliverTask
from retrain_api.errors import CredentialsError, DataError, NotFoundError, SoftwareError
from retrain_trainer.model.pointer import Pointer, TestPeriod, read_pointer
from retrain_trainer.promote.promotion import flip
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import deliver as deliver_task
from retrain_trainer.tasks import publish as publish_command

PUBLISHERS = 8


@pytest.fixture
def store(s3: Any, s3_root: str) -> Store:
    return open_store(s3_root, s3.environ(), 30)


def run(s3: Any, store: Store, items: list[Any], **changes: Any) -> Any:
    return publish_command.run(publish_task(store, items, **changes), s3.environ(), lambda line: None)


def test_a_report_is_written_and_the_model_promoted(s3: Any, store: Store) -> None:
    items = [
        publish_item(store, "BTC-USD", measured(0.7)),
        publish_item(store, "SOL-USD", measured(0.6), promote=False),
    ]
    result = run(s3, store, items)
    report = store.read(result.markdown.removeprefix(store.uri)).data.decode()
    assert "1 of 2 models passes (BTC-USD)" in report and result.promoted[0].sha256 in report
    pointed = read_pointer(store, "BTC-USD")
    assert pointed and pointed.pointer.model.uri == result.promoted[0].uri
    copy = store.read(pointed.pointer.model.uri.removeprefix(store.uri)).data
    assert sha256(copy).hexdigest() == items[0].model.sha256
    assert run(s3, store, items) == result
    assert read_pointer(store, "SOL-USD") is None


def test_the_next_model_takes_its_place_and_an_older_one_does_not(s3: Any, store: Store) -> None:
    run(s3, store, [publish_item(store, "BTC-USD", measured(0.7))])
    newer = publish_item(store, "BTC-USD", measured(0.7), version=2, last_bar="2025-06-25T00:00:00Z")
    second = run(s3, store, [newer], number=2, publish_key="2" * 16)
    older = publish_item(store, "BTC-USD", measured(0.9), version=3, last_bar="2025-06-24T12:00:00Z")
    third = run(s3, store, [older], number=3, publish_key="3" * 16)
    assert second.promoted[0].previous and not third.promoted
    assert [refused.reason for refused in third.not_promoted] == ["OlderTest"]
    pointed = read_pointer(store, "BTC-USD")
    assert pointed and pointed.pointer.model.sha256 == newer.model.sha256


def test_of_many_publishers_each_flip_follows_one_that_was_there_and_the_newest_test_wins(store: Store) -> None:
    start = Barrier(PUBLISHERS)

    def publisher(number: int) -> Promoted | NotPromoted:
        start.wait()
        return flip(store, candidate(number))

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        outcomes = list(pool.map(publisher, range(PUBLISHERS)))
    pointed = read_pointer(store, "BTC-USD")
    assert pointed and pointed.pointer.model.sha256 == candidate(PUBLISHERS - 1).model.sha256
    flipped = [outcome for outcome in outcomes if isinstance(outcome, Promoted)]
    followed = [outcome.previous for outcome in flipped]
    assert len(set(followed)) == len(followed), "two pointers replaced the same one: a promotion was lost"
    assert set(followed) <= {None, *(outcome.uri for outcome in flipped)}
    assert all(outcome.reason == "OlderTest" for outcome in outcomes if isinstance(outcome, NotPromoted))


def candidate(number: int) -> Pointer:
    return Pointer(
        symbol="BTC-USD",
        model=FileRef(uri=f"s3://models/promoted/{number}.pt", sha256=f"{number:064}"),
        run=RUN,
        test=TestPeriod(first_bar="2025-06-01T00:00:00Z", last_bar=f"2025-06-{number + 10}T00:00:00Z"),
        promoted_at=datetime.now(UTC).isoformat(),
    )


def test_a_changed_model_stops_the_promotion(s3: Any, store: Store) -> None:
    item = publish_item(store, "BTC-USD", measured(0.7))
    store.write(item.model.uri.removeprefix(store.uri), b"other weights")
    with pytest.raises(DataError, match="other bytes than were evaluated"):
        run(s3, store, [item])
    assert read_pointer(store, "BTC-USD") is None


def test_refused_credentials_promote_nothing(s3: Any, store: Store) -> None:
    task = publish_task(store, [publish_item(store, "BTC-USD", measured(0.7))])
    with pytest.raises(CredentialsError):
        publish_command.run(task, s3.environ(secret="wrong"), lambda line: None)
    assert read_pointer(store, "BTC-USD") is None


def test_copies_go_to_another_bucket_with_its_own_credentials(s3: Any, store: Store) -> None:
    model = put_model(store, "BTC-USD")
    bucket = s3.bucket()
    targets = (
        DeliverTarget(name="mirror", uri=f"s3://{bucket}/copy/"),
        DeliverTarget(name="locked", uri=f"s3://{bucket}/locked/"),
    )
    task = DeliverTask(run=RUN, artifacts_uri=store.uri, files=(), promoted=(model,), backups=targets)
    refused = {
        "RETRAIN_BACKUP_LOCKED_AWS_ACCESS_KEY_ID": "retrain-test",
        "RETRAIN_BACKUP_LOCKED_AWS_SECRET_ACCESS_KEY": "wrong",
    }
    result = deliver_task.run(task, s3.environ() | refused, lambda line: None)
    assert [(target.name, target.ok) for target in result.targets] == [("mirror", True), ("locked", False)]
    copy = open_store(f"s3://{bucket}/copy/", s3.environ(), 30)
    name = model.uri.rsplit("/", 1)[-1]
    assert copy.list("") == sorted([name, name.replace(".pt", ".json")])
    assert sha256(copy.read(name).data).hexdigest() == model.sha256


def test_a_rollback_and_a_promotion_at_the_same_time_never_mix(s3: Any, store: Store) -> None:
    """Each time one of the two orders, whole: the loser of the race has changed nothing, or follows the winner."""
    for version in (1, 2):
        item = publish_item(store, "BTC-USD", measured(0.7), version=version)
        run(s3, store, [item], number=version, publish_key=f"{version:016}")
    for number in range(3, 9):
        pointed = read_pointer(store, "BTC-USD")
        assert pointed is not None
        new = publish_item(store, "BTC-USD", measured(0.7), version=number)
        task = publish_task(store, [new], number=number, publish_key=f"{number:016}")
        with ThreadPoolExecutor(2) as pool:
            promoting = pool.submit(publish_command.run, task, s3.environ(), lambda line: None)
            going_back = pool.submit(rolled_back, store)
        assert promoting.result().promoted
        after = read_pointer(store, "BTC-USD")
        assert after is not None
        if going_back.result() and after.pointer.rolled_back:
            assert after.pointer.rolled_back.from_.sha256 in (new.model.sha256, pointed.pointer.model.sha256)
        else:
            assert after.pointer.model.sha256 == new.model.sha256
        copy = store.read(after.pointer.model.uri.removeprefix(store.uri)).data
        assert sha256(copy).hexdigest() == after.pointer.model.sha256


def rolled_back(store: Store) -> bool:
    try:
        roll_back(store, "BTC-USD", None, "ada", "bad fills", "2025-06-25T09:00:00Z")
    except (SoftwareError, NotFoundError):
        return False
    return True


def test_of_many_rollbacks_at_the_same_time_one_wins(s3: Any, store: Store) -> None:
    for version in (1, 2):
        item = publish_item(store, "BTC-USD", measured(0.7), version=version)
        run(s3, store, [item], number=version, publish_key=f"{version:016}")
    start = Barrier(PUBLISHERS)

    def person(number: int) -> bool:
        start.wait()
        return rolled_back(store)

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        assert sum(pool.map(person, range(PUBLISHERS))) == 1


def test_of_two_whole_publications_at_the_same_time_the_pointers_never_mix(s3: Any, store: Store) -> None:
    """Two runs promote the same two symbols: each pointer is of one of them, whole, and follows the other or none."""
    symbols = ("BTC-USD", "ETH-USD")
    tasks = []
    for version in (1, 2):
        items = [publish_item(store, symbol, measured(0.7), version=version) for symbol in symbols]
        tasks.append(
            publish_task(store, items, publish_key=f"{version:016}", run=RUN.model_copy(update={"uid": f"u{version}"}))
        )
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda task: publish_command.run(task, s3.environ(), lambda line: None), tasks))
    for symbol in symbols:
        pointed = read_pointer(store, symbol)
        assert pointed is not None
        pointer = pointed.pointer
        last = next(task for task in tasks if task.run.uid == pointer.run.uid)
        assert pointer.model.sha256 == next(item.model.sha256 for item in last.items if item.symbol == symbol)
        followed = [next(m.previous for m in result.promoted if m.symbol == symbol) for result in results]
        assert sorted(each is not None for each in followed) == [False, True], "one came first, one after it"
        assert pointer.previous and pointer.previous.sha256 != pointer.model.sha256


def test_of_two_improvements_published_at_the_same_time_one_is_promoted_and_the_other_must_be_measured_again(
    s3: Any, store: Store
) -> None:
    """Each time both were measured against the model in service; the loser hears who won, and has changed nothing."""
    first = publish_item(store, "BTC-USD", measured(0.6))
    run(s3, store, [first])
    in_service = first.model.sha256
    for number in range(1, 7):
        items = [improvement(store, 2 * number + side, in_service) for side in (0, 1)]
        tasks = [
            publish_task(
                store, [item], publish_key=f"{number:016}", run=RUN.model_copy(update={"uid": f"{number}-{side}"})
            )
            for side, item in enumerate(items)
        ]
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda task: publish_command.run(task, s3.environ(), lambda line: None), tasks))
        winner, loser = sorted(results, key=lambda result: bool(result.not_promoted))
        (promoted,), (refused,) = winner.promoted, loser.not_promoted
        assert not winner.not_promoted and not loser.promoted
        assert (refused.reason, refused.champion) == ("ChampionChanged", promoted.sha256[:12])
        pointed = read_pointer(store, "BTC-USD")
        assert pointed and pointed.pointer.model.sha256 == promoted.sha256 in {item.model.sha256 for item in items}
        assert pointed.pointer.previous and pointed.pointer.previous.sha256 == in_service
        in_service = promoted.sha256


def improvement(store: Store, version: int, champion: str) -> Any:
    item = publish_item(store, "BTC-USD", measured(0.7), version=version)
    return item.model_copy(update={"champion": champion[:12]})


def test_of_many_first_models_at_the_same_time_one_is_promoted(store: Store) -> None:
    """All were measured when none was in service."""
    start = Barrier(PUBLISHERS)

    def publisher(number: int) -> Promoted | NotPromoted:
        start.wait()
        return flip(store, candidate(number).model_copy(update={"test": candidate(0).test}), "")

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        outcomes = list(pool.map(publisher, range(PUBLISHERS)))
    (promoted,) = (outcome for outcome in outcomes if isinstance(outcome, Promoted))
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotPromoted)]
    assert {(each.reason, each.champion) for each in refused} == {("ChampionChanged", promoted.sha256[:12])}
