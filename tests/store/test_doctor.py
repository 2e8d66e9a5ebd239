"""`retrain doctor` against a real S3 server and real folders: what it lets pass, and what it finds."""

from __future__ import annotations

import argparse
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from support.git_server import GitServer, git
from support.remotes import configured, on_disk

from retrain_api.documents.references import RunRef
from retrain_api.errors import ConfigurationError, RetrainError
from retrain_api.keys import recipe
from retrain_api.run import parse_run
from retrain_cli.commands.doctor import doctor as doctor_command
from retrain_cli.commands.doctor import machine as doctor_machine
from retrain_cli.commands.doctor.access import Place, source
from retrain_cli.commands.doctor.doctor import diagnose
from retrain_cli.commands.doctor.finding import Finding
from retrain_trainer.measure.tries.test_reuse import record_name
from retrain_trainer.measure.tries.try_record import TryRecord
from retrain_trainer.store.base import Conflict
from retrain_trainer.store.open import open_store
from retrain_trainer.store.probe import probe_conditions, probe_written

ROWS = 3_000
READER, READER_SECRET = "retrain-reader", "retrain-reader-secret"


def candles(rows: int = ROWS, gap_after: int | None = None) -> bytes:
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, rows)))
    minutes = np.arange(rows)
    if gap_after is not None:
        minutes[gap_after:] += 10
    columns = {
        "timestamp": pa.array(np.datetime64("2025-05-04", "ns") + minutes * np.timedelta64(1, "m")),
        "open": close * np.exp(random.normal(0, 1e-4, rows)),
        "high": close * (1.001 + random.exponential(1e-4, rows)),
        "low": close * (0.999 - random.exponential(1e-4, rows)),
        "close": close,
        "volume": random.exponential(10, rows),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def document(data: str, artifacts: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "checked"},
        "spec": {
            "symbols": ["BTC-USD"],
            "data": {"uri": data, "filename": "{symbol}.parquet"},
            "artifacts": {"uri": artifacts},
            "train": {"device": "CPU"},
            **spec,
        },
    }


def findings(written: dict[str, Any], environ: Mapping[str, str]) -> list[Finding]:
    return list(diagnose(parse_run(written), environ))


def failures(found: list[Finding]) -> list[str]:
    return [f"{finding.subject}: {finding.sentence}" for finding in found if finding.ok is False]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Locations of data, with a good file of BTC-USD, and of artifacts that are not there yet."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "BTC-USD.parquet").write_bytes(candles(gap_after=1_000))
    return f"file://{tmp_path}/data/", f"file://{tmp_path}/artifacts/"


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETRAIN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def test_a_sound_local_run_passes_and_leaves_nothing_behind(folders: tuple[str, str], tmp_path: Path) -> None:
    found = findings(document(*folders), {})
    assert failures(found) == []
    [data] = [finding for finding in found if finding.subject == "data BTC-USD"]
    for said in ("2,940 bars of 1m", "2025-05-04T01:00:00Z to", "1 gap,", "31 features", "validation 441", "test 441"):
        assert said in data.sentence
    assert any("10 bars missing" in note for note in data.notes)
    assert "31 features: all 31 built in." in data.notes
    assert list((tmp_path / "artifacts").rglob("*")) == []


def test_a_sound_run_in_s3_passes_and_leaves_nothing_behind(s3: Any, s3_root: str) -> None:
    store = open_store(s3_root, s3.environ())
    store.write("data/BTC-USD.parquet", candles())
    found = findings(
        document(s3_root + "data/", s3_root + "models/", credentials={"secretName": "aws-credentials"}), s3.environ()
    )
    assert failures(found) == []
    text = "\n".join(map(str, found))
    assert "credentials from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY here" in text
    assert "on a cluster from Secret aws-credentials" in text
    assert "of 8 writers at once exactly one won, 4 times" in text
    assert not any(value in text for value in s3.environ().values() if not value.startswith("http"))
    assert store.list("") == ["data/BTC-USD.parquet"]


def without_bucket(root: str) -> str:
    return "s3://no-such-bucket-here/" + root.split("/", 3)[3]


@pytest.mark.parametrize(
    ("changed", "where", "subject", "sentence"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, str, "data", "does not accept the credentials"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, str, "data", "does not accept the credentials"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, str, "data", "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"),
        ({"AWS_ACCESS_KEY_ID": ""}, str, "data", "looked for RETRAIN_DATA_AWS_ACCESS_KEY_ID, AWS_ACCESS_KEY_ID"),
        ({}, without_bucket, "data", "There is no bucket no-such-bucket-here"),
        (
            {"RETRAIN_ARTIFACTS_AWS_ACCESS_KEY_ID": READER, "RETRAIN_ARTIFACTS_AWS_SECRET_ACCESS_KEY": READER_SECRET},
            str,
            "artifacts",
            "do not allow access to",
        ),
    ],
)
def test_what_a_store_refuses_is_one_sentence(
    s3: Any, s3_root: str, changed: dict[str, str], where: Callable[[str], str], subject: str, sentence: str
) -> None:
    open_store(s3_root, s3.environ()).write("BTC-USD.parquet", candles())
    environ = s3.environ() | changed
    found = findings(document(where(s3_root), where(s3_root)), environ)
    told = [line for line in failures(found) if line.startswith(f"{subject}: ")]
    assert len(told) == 1, failures(found)
    assert sentence in told[0] and "\n" not in told[0]
    assert "wrong" not in told[0] and READER_SECRET not in told[0]


def test_a_store_out_of_reach_is_told_without_minutes_of_waiting(
    monkeypatch: pytest.MonkeyPatch, short_pauses: None, folders: tuple[str, str]
) -> None:
    monkeypatch.setattr("retrain_cli.commands.doctor.access.PATIENCE_SECONDS", 0.05)
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    [told] = failures(findings(document(folders[0], "s3://bucket/models/"), environ))
    assert told.startswith("artifacts: ") and "http://127.0.0.1:9" in told and "no usable answer" in told


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "BTC-USD.parquet does not exist"),
        (b"timestamp,close\n", "not a parquet file"),
        (candles()[:-50], "is truncated"),
        (candles(rows=200), "at least"),
    ],
)
def test_data_that_training_would_refuse_is_refused_here(
    folders: tuple[str, str], tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "data" / "BTC-USD.parquet"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    [told] = failures(findings(document(*folders), {}))
    assert told.startswith("data BTC-USD: ") and sentence in told


@pytest.mark.parametrize("place", ["a disk", "a bucket"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("BTC-USD.csv", "lies beside it"),
        ("BTC-USD.parquet/part-0.parquet", "is a folder of parts, as Spark and Dask write it"),
    ],
)
def test_what_lies_in_the_file_s_place_is_named_with_the_command(
    tmp_path: Path, s3: Any, s3_root: str, place: str, name: str, sentence: str
) -> None:
    uri = f"file://{tmp_path}/data/" if place == "a disk" else f"{s3_root}data/"
    environ = {} if place == "a disk" else s3.environ()
    open_store(uri, environ).write(name, candles())
    [told] = failures(findings(document(uri, f"file://{tmp_path}/artifacts/"), environ))
    assert told.startswith("data BTC-USD: ") and sentence in told
    assert "`retrain import " in told and "--symbol BTC-USD --interval 1m --filename BTC-USD.parquet -o " in told


def test_a_column_that_knows_later_bars_is_named_and_so_is_one_whose_name_says_so(
    folders: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "data" / "BTC-USD.parquet"
    path.write_bytes(candles(rows=4_000))
    table = pq.read_table(path)
    close = table["close"].to_numpy()
    close_next = np.append(close[1:], close[-1]) / close
    pq.write_table(table.append_column("closeNext", pa.array(close_next)), path)
    found = findings(document(*folders), {})
    [data] = [finding for finding in found if finding.subject == "data BTC-USD"]
    assert data.notes[0].startswith("The model will be Suspect. Column 'closeNext' knows later bars (")
    assert any(note.startswith("Column 'closeNext' reads like something to be predicted.") for note in data.notes)
    assert failures(found) == [], "a person may know better"


def test_what_the_preflight_would_refuse_is_refused_here(folders: tuple[str, str]) -> None:
    written = document(*folders)
    written["spec"]["data"]["maxAge"] = "2h"
    [told] = failures(findings(written, {}))
    assert "The newest bar of BTC-USD.parquet closed at 2025-05-06T02:10:00Z" in told and "data.maxAge is 2h" in told


@pytest.mark.parametrize(
    ("least", "ok", "sentence"), [(10, None, "It would be skipped."), (5, True, "has the 5 new bars")]
)
def test_a_symbol_with_nothing_new_is_a_note(
    folders: tuple[str, str], least: int, ok: bool | None, sentence: str
) -> None:
    written = document(*folders)
    written["spec"]["data"]["minNewBars"] = least
    recipe_now = recipe(parse_run(written).spec, "BTC-USD")
    record = TryRecord("BTC-USD", "d" * 64, "2025-05-05T00:00:00Z", "2025-05-06T02:04:00Z", recipe_now)
    store = open_store(folders[1], {})
    key = "judged/BTC-USD/" + record_name(record.first_bar, record.last_bar, record.sha256)
    store.write(key, record.encode(RunRef(namespace="default", name="checked", uid="u")))
    found = findings(written, {})
    assert failures(found) == []
    assert found[-1].subject == "data BTC-USD"
    assert found[-1].ok is ok
    assert sentence in found[-1].sentence
    assert store.list("") == [key]


def test_every_symbol_has_its_own_line(folders: tuple[str, str]) -> None:
    found = findings(document(*folders, symbols=["BTC-USD", "ETH-USD"]), {})
    assert [finding.ok for finding in found if finding.subject in ("data BTC-USD", "data ETH-USD")] == [True, False]


def test_one_file_under_two_names_is_told_once(folders: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for symbol in ("ETH-USD", "SOL-USD"):
        (folder / f"{symbol}.parquet").write_bytes(candles(gap_after=2_000))
    found = findings(document(*folders, symbols=["BTC-USD", "ETH-USD", "SOL-USD"]), {})
    [told] = [finding.sentence for finding in found if "one market" in finding.sentence]
    assert told.startswith(
        "BTC-USD, ETH-USD and SOL-USD move together bar for bar, so they are one market and count once towards the quorum."
    )
    assert "{symbol}" in told and failures(found) == []


def test_a_folder_of_parts_in_a_bucket_is_told(s3: Any, s3_root: str) -> None:
    open_store(s3_root, s3.environ()).write("data/BTC-USD.parquet/part-00000.parquet", candles())
    [told] = failures(findings(document(s3_root + "data/", s3_root + "models/"), s3.environ()))
    assert "BTC-USD.parquet is a folder of parts, as Spark and Dask write it" in told


def test_a_folder_that_takes_no_file_is_told(folders: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the folder should be")
    [told] = failures(findings(document(*folders), {}))
    assert told.startswith("artifacts: ") and "can't be written" in told


@pytest.mark.parametrize(("required", "ok"), [(True, False), (False, None)])
def test_a_backup_out_of_order_fails_only_where_it_is_required(
    folders: tuple[str, str], tmp_path: Path, required: bool, ok: bool | None
) -> None:
    (tmp_path / "backup").write_text("")
    backup = {"name": "disk", "uri": f"file://{tmp_path}/backup/", "required": required}
    found = findings(document(*folders, backups=[backup]), {})
    assert found[-1].subject == "backup disk" and found[-1].ok is ok


def test_artifacts_that_rclone_would_reach_are_refused_with_the_file(folders: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"spec.artifacts.uri: must be s3:// or file://"):
        parse_run(document(folders[0], "rclone://drive/models/"))


# Places that rclone reaches


@pytest.fixture
def drive(rclone: None, folders: tuple[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a person with a remote, in which the data are."""
    config = configured(tmp_path / "rclone.conf", on_disk("drive", tmp_path))
    return {"PATH": os.environ["PATH"], "RCLONE_CONFIG": str(config)}


def test_a_sound_run_on_a_remote_passes_and_leaves_nothing_behind(
    folders: tuple[str, str], drive: dict[str, str], tmp_path: Path
) -> None:
    backup = {"name": "drive", "uri": "rclone://drive/backup/", "credentials": {"rcloneConfigSecretName": "mine"}}
    found = findings(document("rclone://drive/data/", folders[1], backups=[backup]), drive)
    assert failures(found) == []
    text = "\n".join(map(str, found))
    assert "the file in RCLONE_CONFIG here, and on a cluster there is none (rcloneConfigSecretName is not set)" in text
    assert "the file in RCLONE_CONFIG here, and on a cluster from Secret mine (rclone.conf)" in text
    assert "rclone://drive/backup/ was written, read back and cleaned up" in text
    assert not list((tmp_path / "backup").rglob("*"))


@pytest.mark.parametrize(
    ("uri", "change", "sentence"),
    [
        ("rclone://other/data/", {}, "rclone's configuration has no remote other"),
        ("rclone://drive/data/", {"RCLONE_CONFIG": "/none"}, "No readable rclone configuration at /none"),
        ("rclone://drive/data/", {"RETRAIN_DATA_RCLONE_CONFIG": "/mine"}, "No readable rclone configuration at /mine"),
        ("rclone://drive/data/", {"PATH": "/none"}, "need the program rclone"),
        ("rclone://drive/elsewhere/", {}, "rclone://drive/elsewhere/BTC-USD.parquet does not exist"),
    ],
)
def test_what_is_wrong_with_a_remote_is_told(
    folders: tuple[str, str], drive: dict[str, str], uri: str, change: dict[str, str], sentence: str
) -> None:
    [told] = failures(findings(document(uri, folders[1]), drive | change))
    assert told.startswith("data") and sentence in told


def test_a_backup_is_opened_with_its_own_configuration(
    folders: tuple[str, str], drive: dict[str, str], tmp_path: Path
) -> None:
    own = configured(tmp_path / "own/rclone.conf", on_disk("vault", tmp_path / "vault"))
    backup = {"name": "drive", "uri": "rclone://vault/x/", "required": True}
    environ = drive | {"RETRAIN_BACKUP_DRIVE_RCLONE_CONFIG": str(own)}
    found = findings(document(*folders, backups=[backup]), environ)
    assert failures(found) == []
    assert any("the file in RETRAIN_BACKUP_DRIVE_RCLONE_CONFIG here" in each.sentence for each in found)


# A repository for the report


def test_the_repository_is_asked_and_not_written(folders: tuple[str, str], git_server: GitServer) -> None:
    repository = git_server.repository()
    report = {"git": {"url": git_server.url(), "secretName": "git"}}
    environ = {"PATH": os.environ["PATH"], "RETRAIN_GIT_TOKEN": git_server.token}
    said = findings(document(*folders, report=report), environ)[-1]
    assert (said.subject, said.ok) == ("report.git", True)
    assert "would take a push with the token in RETRAIN_GIT_TOKEN here, and on a cluster from Secret git" in str(said)
    assert "branch main will be created by the first report" in str(said)
    assert said.notes == ("over http:// anyone on the way can read the token; use https://",)
    assert not git("-C", repository, "for-each-ref")


def test_a_repository_that_refuses_is_a_note(folders: tuple[str, str], git_server: GitServer) -> None:
    git_server.repository()
    report = {"git": {"url": git_server.url()}}
    environ = {"PATH": os.environ["PATH"], "RETRAIN_GIT_TOKEN": "wrong"}
    said = findings(document(*folders, report=report), environ)[-1]
    assert (said.subject, said.ok) == ("report.git", None) and "does not accept the token" in said.sentence


class Liar:
    """A store that breaks its word about conditions in one way."""

    def __init__(self, store: Any, lie: str) -> None:
        self._store, self._lie, self._lock = store, lie, threading.Lock()
        self._seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, key: str, data: bytes, **condition: Any) -> str:
        if self._lie in condition:
            return str(self._store.write(key, data))
        if self._lie == "races":
            with self._lock:  # the answer is yes to the first two writers, as if they had not seen each other
                again = key in self._seen and self._store.head(key) is not None and condition
                self._seen.symmetric_difference_update({key})
            return str(self._store.write(key, data, **({} if again and data[:1].isdigit() else condition)))
        if self._lie == "denies" and data[:1].isdigit():
            raise Conflict("Conflict", "No.")
        if self._lie == "swaps" and data[:1].isdigit():
            return str(self._store.write(key, b"other" + data, **condition))
        return str(self._store.write(key, data, **condition))


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        ("if_absent", r"there must be no object yet\) did not hold"),
        ("if_match", r"the object must be unchanged\) did not hold"),
        ("races", r"of 8 writers at once [2-8] won"),
        ("denies", r"of 8 writers at once 0 won"),
        ("swaps", "the writer that won is not the one"),
    ],
)
def test_a_store_that_lies_about_conditions_is_found_out(tmp_path: Path, lie: str, sentence: str) -> None:
    store = open_store(f"file://{tmp_path}/", {})
    probe_conditions(store)
    with pytest.raises(ConfigurationError, match=sentence) as unsafe:
        probe_conditions(Liar(store, lie))
    assert unsafe.value.reason == "UnsafeStore"
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_garbles_is_found_out_and_cleaned(tmp_path: Path) -> None:
    class Garbling(Liar):
        def read(self, key: str) -> Any:
            return SimpleNamespace(data=self._store.read(key).data[:-1])

    with pytest.raises(RetrainError, match="does not read as it was written"):
        probe_written(Garbling(open_store(f"file://{tmp_path}/", {}), ""))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "ok", "sentence"),
    [
        ((0, "NVIDIA X\nNVIDIA Y\n", ""), True, "torch sees 2: NVIDIA X, NVIDIA Y"),
        ((0, "\n", ""), False, "set spec.train.device to CPU"),
        ((1, "", "Traceback\nModuleNotFoundError: No module named 'torch'\n"), False, "No module named 'torch'"),
    ],
)
def test_the_gpu_is_looked_for_when_one_is_asked_for(
    folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str, str], ok: bool, sentence: str
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: subprocess.CompletedProcess(args, *answer))
    found = findings(document(*folders, train={"device": "GPU"}), {})
    assert (found[-1].subject, found[-1].ok) == ("GPU", ok)
    assert sentence in found[-1].sentence
    assert "GPU" not in {finding.subject for finding in findings(document(*folders), {})}


def test_a_full_temporary_folder_is_told(folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine.shutil, "disk_usage", lambda place: SimpleNamespace(free=2**20))
    [told] = failures(findings(document(*folders), {}))
    assert told.startswith("disk: ") and "1 MiB free" in told and "TMPDIR" in told


def test_a_profile_is_named_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").write_text("[ml]\naws_access_key_id = k\naws_secret_access_key = hush\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    said = source(Place("data", "s3://bucket/data/", None), {"AWS_PROFILE": "ml"})
    assert "boto3's chain (shared-credentials-file)" in said and "hush" not in said
    with pytest.raises(RetrainError, match="check AWS_PROFILE"):
        source(Place("data", "s3://bucket/data/", None), {"AWS_PROFILE": "gone"})


def doctor(path: Path) -> int:
    parser = argparse.ArgumentParser()
    doctor_command.add_arguments(parser)
    return doctor_command.run(parser.parse_args(["-f", str(path)]))


def test_the_exit_code_says_whether_a_run_would_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(document("file://./data/", "file://./artifacts/")))
    assert doctor(path) == 1
    out = capsys.readouterr().out
    assert "FAILED  data BTC-USD: file://" in out and "BTC-USD.parquet does not exist" in out
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "BTC-USD.parquet").write_bytes(candles())
    assert doctor(path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ok      file {path}: a valid RetrainRun (checked)"
    assert lines[-1] == f"All 7 checks passed. To start the run: retrain run -f {path}"


@pytest.mark.parametrize("text", ["kind: Pod\n", "a: [", ""])
def test_an_invalid_file_ends_it_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert doctor(path) == 2
    assert capsys.readouterr().out.startswith(f"FAILED  file: {path}")
    assert doctor(tmp_path / "absent.yaml") == 2
