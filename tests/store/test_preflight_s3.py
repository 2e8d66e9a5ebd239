"""The preflight against a real S3 server: how much it reads, and what it says of a store that is not in order."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.remotes import configured, on_disk

from retrain_api.documents.references import RunRef
from retrain_api.documents.tasks import PreflightItem, PreflightTask
from retrain_api.errors import DataError, NotFoundError
from retrain_api.spec.data import Label, Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.preflight import Demand, closed_bars
from retrain_trainer.store.open import open_store
from retrain_trainer.store.probe import PROBED
from retrain_trainer.tasks import preflight

MINUTE = 60_000_000_000
START = np.datetime64("2025-05-04T00:00", "ns").astype(np.int64)
NOW = int(START + 10**7 * MINUTE)
DEMAND = Demand(Question.parse("1m", 15, "Drop"), Windows(60, Split()))
GROUP = 16_384


def table(rows: int, columns: int, gap_after: int | None = None) -> pa.Table:
    random = np.random.default_rng(1)
    opens = START + np.arange(rows, dtype=np.int64) * MINUTE
    if gap_after is not None:
        opens[gap_after:] += 60 * MINUTE
    named = {f"own_{number}": random.normal(size=rows) for number in range(columns)}
    return pa.table({"timestamp": opens.astype("datetime64[ns]"), "close": 100 + random.random(rows), **named})


def parquet(content: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(content, sink, row_group_size=GROUP, use_dictionary=False, compression="none")
    return sink.getvalue()


@pytest.fixture(scope="module")
def large() -> dict[str, bytes]:
    """Files of 64 MB: with bars at all times, and with a gap in the fourth row group."""
    whole = table(130_000, 64)
    gap = table(130_000, 64, gap_after=3 * GROUP + 1_000)
    return {"whole": parquet(whole), "gap": parquet(gap)}


@pytest.fixture
def taken(proxy: Any) -> list[int]:
    """The bytes of each answer of the server, from here on."""
    counted: list[int] = []

    def count(exchange: Any) -> None:
        answer, data = exchange.forward()
        counted.append(len(data) if exchange.handler.command != "HEAD" else 0)
        exchange.reply(answer.status, answer.getheaders(), data)

    proxy.always = count
    return counted


def seen(s3: Any, proxy: Any, root: str, demand: Demand = DEMAND) -> Any:
    return closed_bars(open_store(root, s3.environ(endpoint=proxy.endpoint), 10), "x.parquet", "X", demand, NOW, NOW)


@pytest.mark.parametrize("kind", ["whole", "gap"])
def test_little_of_a_large_file_is_read(
    s3: Any, proxy: Any, s3_root: str, large: dict[str, bytes], taken: list[int], kind: str
) -> None:
    data = large[kind]
    assert len(data) > 64 << 20
    open_store(s3_root, s3.environ()).write("x.parquet", data)
    bars = seen(s3, proxy, s3_root)
    assert len(bars) == 130_000
    file = pq.ParquetFile(io.BytesIO(data))
    column = file.metadata.row_group(3).column(0).total_compressed_size if kind == "gap" else 0
    assert sum(taken) - column <= 0.02 * len(data)
    assert len(taken) <= 4
    print(f"{kind}: {sum(taken):,} of {len(data):,} bytes in {len(taken)} answers")


def small(rows: int) -> bytes:
    return parquet(table(rows, 12, gap_after=500))


def after_the_first(store_of: Callable[[], Any], act: Callable[[Any], None]) -> Callable[[Any], None]:
    """Something that happens once, after the first answer."""
    done: list[bool] = []

    def answer(exchange: Any) -> None:
        found, data = exchange.forward()
        if not done:
            done.append(True)
            act(store_of())
        exchange.reply(found.status, found.getheaders(), data)

    return answer


@pytest.mark.parametrize(("versions", "rows"), [(True, 2_000), (False, 3_000)], ids=["versioned", "unversioned"])
def test_a_file_that_is_overwritten_while_it_is_read_is_read_as_one(
    s3: Any, proxy: Any, versions: bool, rows: int
) -> None:
    root = f"s3://{s3.bucket(versions=versions)}/"
    open_store(root, s3.environ()).write("x.parquet", small(2_000))
    proxy.always = after_the_first(
        lambda: open_store(root, s3.environ()), lambda store: store.write("x.parquet", small(3_000))
    )
    assert len(seen(s3, proxy, root)) == rows


@pytest.mark.parametrize("left", [0, 8, 5_000, 100_000])
def test_a_file_that_is_cut_off_while_it_is_read_is_one_sentence(s3: Any, proxy: Any, s3_root: str, left: int) -> None:
    open_store(s3_root, s3.environ()).write("x.parquet", small(2_000))
    proxy.always = after_the_first(
        lambda: open_store(s3_root, s3.environ()), lambda store: store.write("x.parquet", small(2_000)[:left])
    )
    with pytest.raises(DataError) as caught:
        seen(s3, proxy, s3_root)
    assert caught.value.reason == ("NotParquet" if left == 0 else "Truncated")


def task(data: str, artifacts: str, *symbols: str) -> PreflightTask:
    return PreflightTask(
        run=RunRef(namespace="default", name="nightly", uid="u"),
        artifacts_uri=artifacts,
        preflight_key="c" * 16,
        items=tuple(
            PreflightItem(symbol=symbol, train_key="a" * 16, recipe="", data_uri=f"{data}{symbol}.parquet")
            for symbol in symbols
        ),
        interval="1m",
        label=Label(),
        split=Split(),
        lookback_bars=20,
    )


def refused(asked: PreflightTask, environ: dict[str, str]) -> list[tuple[str, str]]:
    log: list[str] = []
    result = preflight.run(asked, environ, log.append)
    return [(one.symbol, one.reason) for one in result.refused]


def test_a_sound_run_is_let_through_and_its_store_remembered(
    s3: Any, proxy: Any, s3_root: str, taken: list[int]
) -> None:
    store = open_store(s3_root, s3.environ())
    store.write("data/A.parquet", small(2_000))
    asked = task(s3_root + "data/", s3_root + "models/", "A")
    environ = s3.environ(endpoint=proxy.endpoint)
    assert refused(asked, environ) == []
    assert store.list("models/") == ["models/" + PROBED]
    taken.clear()
    assert refused(asked, environ) == []
    assert len(taken) <= 4, "the second time the store is not probed"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "CredentialsRefused"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "CredentialsRefused"),
        ({"AWS_ACCESS_KEY_ID": "retrain-reader", "AWS_SECRET_ACCESS_KEY": "retrain-reader-secret"}, "AccessDenied"),
    ],
)
def test_a_wrong_key_is_told_before_anything_is_trained(
    s3: Any, s3_root: str, change: dict[str, str], reason: str
) -> None:
    open_store(s3_root, s3.environ()).write("data/A.parquet", small(2_000))
    asked = task(s3_root + "data/", s3_root + "models/", "A", "B")
    assert refused(asked, s3.environ() | change) == [("A", reason), ("B", reason)]


def test_a_key_that_may_not_read_the_data_is_told(s3: Any, s3_root: str, tmp_path: Path) -> None:
    asked = task(s3_root + "data/", f"file://{tmp_path}/models/", "A")
    assert refused(asked, s3.environ() | {"AWS_ACCESS_KEY_ID": "nobody"}) == [("A", "CredentialsRefused")]
    assert refused(asked, s3.environ()) == [("A", "ObjectNotFound")]


def test_a_store_without_conditional_writes_is_told(s3: Any, proxy: Any, s3_root: str) -> None:
    def without(exchange: Any) -> None:
        if exchange.handler.command == "PUT" and {"If-Match", "If-None-Match"} & set(exchange.handler.headers):
            exchange.reply(501, [("Content-Type", "application/xml")], b"<Error><Code>NotImplemented</Code></Error>")
        else:
            answer, data = exchange.forward()
            exchange.reply(answer.status, answer.getheaders(), data)

    proxy.always = without
    asked = task(s3_root + "data/", s3_root + "models/", "A")
    assert refused(asked, s3.environ(endpoint=proxy.endpoint)) == [("A", "NoConditionalWrites")]
    assert open_store(s3_root, s3.environ()).list("") == []


def test_a_file_behind_rclone_is_read_in_parts(rclone: None, tmp_path: Path) -> None:
    (tmp_path / "root" / "data").mkdir(parents=True)
    (tmp_path / "root" / "data" / "x.parquet").write_bytes(small(20_000))
    config = configured(tmp_path / "rclone.conf", on_disk("disk", tmp_path / "root"))
    store = open_store("rclone://disk/data/", os.environ | {"RCLONE_CONFIG": str(config)}, 10)
    bars = closed_bars(store, "x.parquet", "X", DEMAND, NOW, NOW)
    assert bars is not None
    assert len(bars) == 20_000
    with pytest.raises(NotFoundError, match="does not exist"):
        closed_bars(store, "y.parquet", "X", DEMAND, NOW, NOW)
