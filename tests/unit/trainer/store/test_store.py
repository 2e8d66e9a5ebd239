"""Locations, keys and patience: what needs no store."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import ConfigurationError, DataError, StoreUnreachable
from retrain_trainer.store.base import checked_key
from retrain_trainer.store.open import open_store, split_uri
from retrain_trainer.store.patience import LONGEST_PAUSE_SECONDS, Patience, Temporary, pause_seconds


@pytest.mark.parametrize(
    ("uri", "root", "file"),
    [
        ("file:///x/y/", "file:///x/y/", "file:///x/y/a/b.pt"),
        ("file:///x/y", "file:///x/y/", "file:///x/y/a/b.pt"),
        ("file:///", "file:///", "file:///a/b.pt"),
        ("file:///with space/50%/", "file:///with space/50%/", "file:///with space/50%/a/b.pt"),
        ("s3://bucket", "s3://bucket/", "s3://bucket/a/b.pt"),
        ("s3://bucket/", "s3://bucket/", "s3://bucket/a/b.pt"),
        ("s3://my.bucket-1/x/y", "s3://my.bucket-1/x/y/", "s3://my.bucket-1/x/y/a/b.pt"),
        ("rclone://drive", "rclone://drive/", "rclone://drive/a/b.pt"),
        ("rclone://my drive/x", "rclone://my drive/x/", "rclone://my drive/x/a/b.pt"),
        ("rclone://disk//srv/x/", "rclone://disk//srv/x/", "rclone://disk//srv/x/a/b.pt"),
    ],
)
def test_a_store_is_a_folder_whether_or_not_its_uri_ends_in_a_slash(uri: str, root: str, file: str) -> None:
    store = open_store(uri, {})
    assert store.uri == root
    assert store.uri_of("a/b.pt") == file


@pytest.mark.parametrize(
    ("uri", "reason", "words"),
    [
        ("file://./x/", "RelativeLocation", "only the command line resolves"),
        ("file://../x/", "RelativeLocation", "only the command line resolves"),
        ("file://x/y/", "RelativeLocation", "only the command line resolves"),
        ("https://x/y/", "UnknownStore", "supports only s3://, file:// and rclone://"),
        ("/x/y", "UnknownStore", "supports only s3://, file:// and rclone://"),
        ("", "UnknownStore", "supports only s3://, file:// and rclone://"),
        ("s3://", "BadLocation", "names no bucket"),
        ("s3:///x/", "BadLocation", "names no bucket"),
        ("s3://Bad_Bucket/x/", "BadLocation", "names no bucket"),
        ("rclone:///x/", "BadLocation", "names no rclone remote"),
        ("rclone://-drive/x/", "BadLocation", "names no rclone remote"),
        (
            "rclone://:webdav,pass=hidden:/x/",
            "BadLocation",
            "^A location names no rclone remote; write rclone://remote/path/.$",
        ),
    ],
)
def test_a_location_that_is_none_is_refused(uri: str, reason: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        open_store(uri, {})
    assert refused.value.reason == reason


@pytest.mark.parametrize("uri", ["file://./x/name", "rclone://:local:/x/name", "https://x/y/name", "name"])
def test_a_file_elsewhere_is_refused_as_its_folder_is(uri: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"only the command line|no rclone remote|only s3://, file:// and rclone://"
    ):
        split_uri(uri)


@pytest.mark.parametrize(
    ("uri", "split"),
    [
        ("s3://bucket/a/b/name", ("s3://bucket/a/b/", "name")),
        ("s3://bucket/name", ("s3://bucket/", "name")),
        ("file:///x/y/name.pt", ("file:///x/y/", "name.pt")),
        ("file:///name", ("file:///", "name")),
        ("rclone://drive/a/name", ("rclone://drive/a/", "name")),
        ("rclone://drive/name", ("rclone://drive/", "name")),
    ],
)
def test_a_file_is_a_store_and_a_key(uri: str, split: tuple[str, str]) -> None:
    assert split_uri(uri) == split
    assert open_store(split[0], {}).uri_of(split[1]) == uri


@pytest.mark.parametrize(
    "uri", ["s3://bucket", "s3://bucket/", "s3://bucket/a/", "file:///", "file:///x/", "rclone://drive"]
)
def test_a_folder_is_no_file(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="folder where a file is needed"):
        split_uri(uri)


@pytest.mark.parametrize("key", ["", "/x", "x/", "a//b", "../x", "a/../b", "./x", "a\0b", ".x.part", "a/.x.lock"])
def test_a_key_stays_in_its_store_and_off_the_stores_own_files(key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_key(key)
    assert refused.value.reason == "BadKey"


def test_the_command_line_pays_for_boto3_only_where_it_is_used() -> None:
    script = "import sys; from retrain_trainer.store.open import open_store; open_store('file:///x/'); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_paths())
    assert "'boto3'" not in loaded.stdout
    assert "'torch'" not in loaded.stdout


def _paths() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path and Path(path).exists())}


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, clock=lambda: self.now, sleep=self.sleep)


def failing(times: int) -> list[Exception | str]:
    return [Temporary("it answered 503 SlowDown")] * times + ["done"]


def taken(outcomes: list[Exception | str]) -> str:
    outcome = outcomes.pop(0)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_what_is_temporary_is_tried_again(failures: int) -> None:
    time, outcomes = Time(), failing(failures)
    assert time.patience(300).retry(lambda: taken(outcomes), "The store") == "done"
    assert len(time.pauses) == failures


@given(seconds=st.floats(0, 10_000))
def test_patience_ends_exactly_when_it_was_to_end(seconds: float) -> None:
    time, outcomes = Time(), failing(10_000)
    with pytest.raises(StoreUnreachable, match=f"The store gave no usable answer for {seconds:.0f} s: it answered 503"):
        time.patience(seconds).retry(lambda: taken(outcomes), "The store")
    assert time.now == pytest.approx(seconds)


def test_what_is_permanent_is_not_tried_again() -> None:
    time, outcomes = Time(), [ConfigurationError("BadKey", "no"), "done"]
    with pytest.raises(ConfigurationError):
        time.patience(300).retry(lambda: taken(outcomes), "The store")
    assert outcomes == ["done"]
    assert time.pauses == []


@given(st.lists(st.booleans(), max_size=30))
def test_what_may_be_chance_is_lasting_after_a_few_times_in_a_row(doubted: list[bool]) -> None:
    lasting = DataError("ChecksumMismatch", "It is damaged.")
    outcomes: list[Exception | str] = [
        Temporary("damaged", lasting) if doubt else Temporary("busy") for doubt in doubted
    ]
    in_a_row = next((end for end in range(3, len(doubted) + 1) if all(doubted[end - 3 : end])), None)
    tried = [*outcomes, "done"]
    if in_a_row is None:
        assert Time().patience(10_000).retry(lambda: taken(tried), "The store") == "done"
        return
    with pytest.raises(DataError):
        Time().patience(10_000).retry(lambda: taken(tried), "The store")
    assert len(tried) == len(outcomes) + 1 - in_a_row


@given(tries=st.integers(0, 2000))
def test_pauses_double_up_to_a_limit_and_vary_by_half(tries: int) -> None:
    longest = min(LONGEST_PAUSE_SECONDS, 0.5 * 2.0 ** min(tries, 50))
    assert longest / 2 <= pause_seconds(tries) <= longest
