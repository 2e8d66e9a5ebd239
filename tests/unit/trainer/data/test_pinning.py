"""The data pin: a first start takes what is there, any later one gets the same bytes or says what to do."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from retrain_api.errors import DataError, NotFoundError, RetrainError
from retrain_trainer.data.pinning import StoredPin, fetch, read_pin, write_pin
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store

KEY = "runs/default/nightly/uid/key/data.json"
ADVICE = (
    r"Restore that file \(sha256 [0-9a-f]{12}.*\) and use `retrain retry`, or set a new retrain.crpbot.dev/rerun token"
)


class Data:
    """A feature file in a folder, and where it is downloaded to."""

    def __init__(self, root: Path) -> None:
        self.file, self.scratch = root / "data" / "features.parquet", root / "scratch"
        self.file.parent.mkdir()
        self.scratch.mkdir()
        self.file.write_bytes(b"first")

    @property
    def uri(self) -> str:
        return f"file://{self.file}"

    def fetch(self, pin: StoredPin | None = None) -> tuple[Path, str, str | None]:
        return fetch(self.uri, {}, pin, self.scratch)

    def pin(self, data: bytes = b"first") -> StoredPin:
        period = {"first_bar": "2025-05-30T00:00:00Z", "last_bar": "2025-05-31T00:00:00Z"}
        return StoredPin(uri=self.uri, sha256=sha256(data).hexdigest(), rows=400, **period)


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return Data(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}/artifacts/", {}, 1)


def test_a_first_start_takes_what_is_there(data: Data) -> None:
    path, digest, version = data.fetch()
    assert path.read_bytes() == b"first"
    assert path.name == "features.parquet", "so that messages name the file as its owner knows it"
    assert (digest, version) == (sha256(b"first").hexdigest(), None)


def test_a_pinned_start_gets_the_same_bytes(data: Data) -> None:
    path, digest, _ = data.fetch(data.pin())
    assert path.read_bytes() == b"first"
    assert digest == data.pin().sha256


def test_other_bytes_are_a_change_and_the_sentence_says_what_to_do(data: Data) -> None:
    pin = data.pin()
    data.file.write_bytes(b"second")
    with pytest.raises(DataError, match=f"its bytes have changed. {ADVICE}") as caught:
        data.fetch(pin)
    assert (caught.value.reason, caught.value.exit_code) == ("DataChanged", 65)
    assert "bars 2025-05-30T00:00:00Z to 2025-05-31T00:00:00Z" in caught.value.message


def test_a_pinned_file_that_is_gone_is_a_change(data: Data) -> None:
    data.file.unlink()
    with pytest.raises(DataError, match=f"it is gone. {ADVICE}") as caught:
        data.fetch(data.pin())
    assert caught.value.reason == "DataChanged"


def test_a_file_that_never_was_is_not_found(data: Data) -> None:
    data.file.unlink()
    with pytest.raises(NotFoundError, match="does not exist") as caught:
        data.fetch()
    assert caught.value.exit_code == 66
    assert str(data.file) in caught.value.message


def test_a_pin_comes_back(data: Data, store: Store) -> None:
    assert read_pin(store, KEY) is None
    write_pin(store, KEY, data.pin())
    assert read_pin(store, KEY) == data.pin()


def test_the_first_pin_stays(data: Data, store: Store) -> None:
    """Two pods of one training started on different bytes: the one that pinned later must stop."""
    write_pin(store, KEY, data.pin())
    write_pin(store, KEY, data.pin())
    with pytest.raises(DataError) as caught:
        write_pin(store, KEY, data.pin(b"second"))
    assert caught.value.reason == "DataChanged"
    assert read_pin(store, KEY) == data.pin()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"uri": "file:///x"}'])
def test_a_damaged_pin_is_never_guessed(store: Store, damage: bytes) -> None:
    store.write(KEY, damage)
    with pytest.raises(DataError, match=r"data.json is damaged.*rerun token") as caught:
        read_pin(store, KEY)
    assert caught.value.reason == "BadPin"


def test_a_folder_of_parts_is_told_as_what_it_is(data: Data) -> None:
    """As Spark writes it. In a bucket the name is there for whoever lists it, and no object."""
    data.file.unlink()
    data.file.mkdir()
    (data.file / "part-00000.snappy.parquet").write_bytes(b"first")
    with pytest.raises(DataError) as caught:
        data.fetch()
    assert caught.value.reason == "Unreadable"
    assert caught.value.message.startswith(f"{data.uri} is a folder of parts, as Spark and Dask write it")


def test_an_empty_folder_is_no_file(data: Data) -> None:
    data.file.unlink()
    data.file.mkdir()
    with pytest.raises(RetrainError) as caught:
        data.fetch()
    assert "parts" not in caught.value.message
