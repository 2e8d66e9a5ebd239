"""An object that is read in parts reads as the file does, and never as parts of two."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.odd_server import odd_server

from retrain_trainer.store.base import Conflict
from retrain_trainer.store.file import FileStore
from retrain_trainer.store.open import open_store
from retrain_trainer.store.range_file import TAIL_BYTES, RangeFile

SIZES = st.sampled_from([0, 1, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 3 * TAIL_BYTES])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]), st.integers(-1000, 250_000), st.integers(-1, 150_000)
    ),
    max_size=8,
)


@given(size=SIZES, steps=STEPS)
def test_it_reads_as_the_file_does(
    tmp_path_factory: pytest.TempPathFactory, size: int, steps: list[tuple[int, int, int]]
) -> None:
    data = np.random.default_rng(size).bytes(size)
    folder = tmp_path_factory.mktemp("ranges")
    (folder / "x").write_bytes(data)
    found, plain = RangeFile(FileStore(folder), "x"), io.BytesIO(data)
    for whence, offset, length in steps:
        place = max({io.SEEK_SET: 0, io.SEEK_CUR: plain.tell(), io.SEEK_END: size}[whence] + offset, 0)
        plain.seek(place)
        assert found.seek(offset, whence) == place
        assert found.read(length) == plain.read(length)
        assert found.tell() == plain.tell()


def table(rows: int = 200_000) -> pa.Table:
    random = np.random.default_rng(1)
    return pa.table({name: random.normal(size=rows) for name in ("a", "b", "c")})


def test_a_parquet_file_is_read_by_its_footer_and_single_columns(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "x.parquet", row_group_size=20_000)
    source = RangeFile(FileStore(tmp_path), "x.parquet")
    file = pq.ParquetFile(source)
    assert file.metadata.num_rows == 200_000
    assert source.bytes_read == TAIL_BYTES
    assert file.read_row_group(1, columns=["b"]).column("b").equals(table().slice(20_000, 20_000).column("b"))
    assert source.bytes_read < TAIL_BYTES + 250_000
    assert source.size == (tmp_path / "x.parquet").stat().st_size


def test_a_file_that_is_replaced_between_two_reads_is_a_conflict(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "x.parquet", row_group_size=20_000)
    file = pq.ParquetFile(RangeFile(FileStore(tmp_path), "x.parquet"))
    pq.write_table(table().slice(1), tmp_path / "new")
    (tmp_path / "new").replace(tmp_path / "x.parquet")
    with pytest.raises(Conflict, match="changed by another writer"):
        file.read_row_group(0, columns=["a"])


def test_a_file_that_is_cut_off_between_two_reads_is_a_conflict(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "x.parquet", row_group_size=20_000)
    file = pq.ParquetFile(RangeFile(FileStore(tmp_path), "x.parquet"))
    with (tmp_path / "x.parquet").open("r+b") as stream:
        stream.truncate(100_000)
    with pytest.raises(Conflict, match="changed by another writer"):
        file.read_row_group(0, columns=["a"])


@pytest.mark.parametrize("start", [0, 100, -7, -5_000, 1_000, 2_000])
def test_a_server_that_knows_no_ranges_is_read_all_the_same(start: int) -> None:
    body = bytes(range(250)) * 4
    with odd_server(lambda caller: caller.answer(200, body, "application/octet-stream", ETag='"e"')) as server:
        environ = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": server.http}
        found = open_store("s3://bucket/", environ, 1).read_range("x", start, 10)
    assert found.data == body[start:][:10]
    assert (found.of.size, found.of.etag) == (len(body), '"e"')
