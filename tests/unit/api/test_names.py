"""Derived names: deterministic, short enough, never the same for two things."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.names import (
    backup_purpose,
    card_file,
    credential_prefix,
    data_file_uri,
    folder,
    job_name,
    judged_folder,
    label_value,
    model_file,
    promoted_pointer,
    report_folder,
    run_folder,
)
from retrain_api.spec.forms import SYMBOL

run_names = st.from_regex(r"\A[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")
symbols = st.from_regex(rf"\A{SYMBOL.pattern}\Z").filter(lambda symbol: len(symbol) <= 41)
phases = st.sampled_from(["train", "evaluate", "publish", "deliver", "observe", "notify"])
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@given(run_names, phases, st.none() | symbols, st.text(max_size=16))
def test_a_job_name_is_a_label_of_at_most_63_characters(run: str, phase: str, symbol: str | None, key: str) -> None:
    name = job_name(run, phase, symbol, key, "template")
    assert DNS_LABEL.fullmatch(name) and name == job_name(run, phase, symbol, key, "template")


parts = st.tuples(run_names, phases, st.none() | symbols, st.text(max_size=4), st.text(max_size=4))


@given(parts, parts)
def test_two_job_names_never_meet(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert (job_name(*first) == job_name(*second)) == (first == second)


def test_long_run_names_of_one_beginning_have_names_of_their_own() -> None:
    names = {job_name("a" * length, "train", "BTC-USD", "k", "t") for length in range(50, 253)}
    assert len(names) == 203 and {len(name) for name in names} == {63}


@given(run_names, st.integers(1, 64), st.text(max_size=16))
def test_the_pods_of_an_indexed_job_have_host_names(run: str, indexes: int, key: str) -> None:
    name = job_name(run, "evaluate", None, key, "template", indexes)
    assert all(DNS_LABEL.fullmatch(f"{name}-{index}") for index in range(indexes))


@given(run_names, st.integers(1, 64), st.text(max_size=16))
def test_a_job_name_that_left_room_for_every_index_is_as_it_was(run: str, indexes: int, key: str) -> None:
    """A Job of an earlier release, still at work, is met under its name."""
    before = job_name(run, "evaluate", None, key, "template")
    fitted = len(f"{before}-{indexes - 1}") <= 63
    assert (job_name(run, "evaluate", None, key, "template", indexes) == before) == fitted


def test_job_names_are_those_of_the_release_before() -> None:
    assert job_name("improved-lstm", "train", "BTC-USD", "k", "t") == "improved-lstm-train-btc-usd-008f0284"
    assert job_name("improved-lstm", "evaluate", None, "k", "t", 3) == "improved-lstm-evaluate-64c46052"


@given(symbols, symbols)
def test_two_symbols_share_no_job_file_folder_or_pointer(first: str, second: str) -> None:
    for name in (
        lambda symbol: job_name("run", "train", symbol, "key", "template"),
        lambda symbol: model_file(symbol, "1d", "0123456789abcdef"),
        lambda symbol: data_file_uri("s3://b/", "{symbol}_{interval}.parquet", symbol, "1d"),
        promoted_pointer,
        judged_folder,
        label_value,
    ):
        assert (name(first) == name(second)) == (first == second)


def test_a_class_of_shares_is_not_the_other_spelling_of_a_pair() -> None:
    assert model_file("BRK.B", "1d", "0" * 64) == "lstm_BRK.B_1d_00000000.pt"
    assert model_file("BRK-B", "1d", "0" * 64) == "lstm_BRK_B_1d_00000000.pt"
    names = {job_name("run", "train", symbol, "key", "template") for symbol in ("BRK.B", "BRK-B")}
    assert len(names) == 2 and all(name.startswith("run-train-brk-b-") for name in names)


@given(symbols)
def test_a_symbol_is_a_label_as_it_stands(symbol: str) -> None:
    assert LABEL_VALUE.fullmatch(symbol) and label_value(symbol) == symbol


@given(run_names)
def test_a_label_value_is_valid_and_keeps_what_fits(text: str) -> None:
    value = label_value(text)
    assert LABEL_VALUE.fullmatch(value)
    assert (value == text) == (len(text) <= 63)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket", "s3://bucket/"),
        ("s3://bucket/", "s3://bucket/"),
        ("s3://bucket/a//", "s3://bucket/a/"),
        ("file:///", "file:///"),
        ("file:///data", "file:///data/"),
        ("file://./", "file://./"),
        ("file://../data", "file://../data/"),
        ("rclone://drive", "rclone://drive/"),
    ],
)
def test_a_folder_ends_in_one_slash(uri: str, expected: str) -> None:
    assert folder(uri) == expected == folder(expected)


def test_files_in_the_store() -> None:
    model = model_file("BTC-USD", "1m", "0123456789abcdef")
    assert model == "lstm_BTC_USD_1m_01234567.pt" and card_file(model) == "lstm_BTC_USD_1m_01234567.json"
    assert promoted_pointer("BTC-USD") == "promoted/BTC-USD.json"
    assert run_folder("team", "run", "uid", "key") == "runs/team/run/uid/key/"
    assert report_folder("team", "run", "uid", 3) == "reports/team/run/uid/3/"
    uri = data_file_uri("s3://b/f", "features_{symbol}_{interval}_latest.parquet", "BTC-USD", "1m")
    assert uri == "s3://b/f/features_BTC-USD_1m_latest.parquet"


def test_credentials_of_a_backup_are_not_those_of_data_or_artifacts() -> None:
    purposes = ["data", "artifacts", *map(backup_purpose, ("data", "artifacts", "vault"))]
    assert len({credential_prefix(purpose) for purpose in purposes}) == 5
    assert credential_prefix(backup_purpose("my-vault")) == "RETRAIN_BACKUP_MY_VAULT_"


@given(st.from_regex(r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z"))
def test_a_prefix_makes_a_valid_variable(name: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*_", credential_prefix(backup_purpose(name)))
