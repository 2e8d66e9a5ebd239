"""Copies in other places: either complete and verified, or reported as failed."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from support.git_server import GitServer, git
from support.publishing_case import RUN, put_model

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.references import FileRef
from retrain_api.documents.tasks import DeliverTarget, DeliverTask
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import deliver as deliver_task

JUDGEMENT = {"verdict": "Fail", "passed": 1, "required": 2, "total": 3}
REPORT = "reports/default/nightly/uid/1/report.md"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "artifacts").mkdir()
    store = open_store(f"file://{tmp_path}/artifacts/", {}, 1)
    store.write(REPORT, b"# Report\n")
    return store


def place(folder: Path, name: str, *, required: bool = False) -> DeliverTarget:
    folder = folder / name
    folder.mkdir()
    return DeliverTarget(name=name, uri=f"file://{folder}/", required=required)


def broken(folder: Path, name: str, *, required: bool = False) -> DeliverTarget:
    """A place where a file stands in the way of every folder."""
    (folder / f"{name}-file").write_bytes(b"")
    return DeliverTarget(name=name, uri=f"file://{folder}/{name}-file/", required=required)


def task(store: Store, backups: list[DeliverTarget], promoted: tuple[FileRef, ...] = (), **more: object) -> DeliverTask:
    return DeliverTask(
        run=RUN,
        artifacts_uri=store.uri_of(""),
        files=(store.uri_of(REPORT),),
        promoted=promoted,
        backups=tuple(backups),
        **more,  # type: ignore[arg-type]
    )


def promoted_model(store: Store) -> FileRef:
    source = put_model(store, "BTC-USD")
    name = source.uri.rsplit("/", 1)[-1]
    for file in (name, name.replace(".pt", ".json")):
        store.write(f"promoted/{file}", store.read(file).data)
    return FileRef(uri=store.uri_of(f"promoted/{name}"), sha256=source.sha256)


def test_report_models_and_cards_are_copied_under_the_same_names(store: Store, tmp_path: Path) -> None:
    model = promoted_model(store)
    result = deliver_task.run(task(store, [place(tmp_path, "disk")], (model,)), {}, print)
    assert [(target.name, target.ok, target.message) for target in result.targets] == [("disk", True, "")]
    copies = {str(path.relative_to(tmp_path / "disk")) for path in (tmp_path / "disk").rglob("*") if path.is_file()}
    name = model.uri.rsplit("/", 1)[-1]
    assert copies == {REPORT, f"promoted/{name}", f"promoted/{name.replace('.pt', '.json')}"}
    assert sha256((tmp_path / "disk/promoted" / name).read_bytes()).hexdigest() == model.sha256


def test_the_list_of_trades_beside_a_report_goes_with_it(store: Store, tmp_path: Path) -> None:
    trades = REPORT.replace("report.md", "trades.csv")
    store.write(trades, b"symbol,side\n")
    deliver_task.run(task(store, [place(tmp_path, "disk")]), {}, print)
    assert (tmp_path / "disk" / trades).read_bytes() == b"symbol,side\n"


def test_a_place_that_fails_keeps_no_other_from_its_copy(store: Store, tmp_path: Path) -> None:
    lines: list[str] = []
    backups = [broken(tmp_path, "gone"), place(tmp_path, "disk")]
    result = deliver_task.run(task(store, backups), {}, lines.append)
    assert [(target.name, target.ok) for target in result.targets] == [("gone", False), ("disk", True)]
    assert result.targets[0].message
    assert any(line.startswith("gone: ") for line in lines)
    assert (tmp_path / "disk" / REPORT).read_bytes() == b"# Report\n"


def test_a_required_place_that_fails_is_an_error_after_all_were_tried(store: Store, tmp_path: Path) -> None:
    backups = [broken(tmp_path, "gone", required=True), place(tmp_path, "disk", required=True)]
    with pytest.raises(RetrainError, match="The required copy to gone failed: "):
        deliver_task.run(task(store, backups), {}, print)
    assert (tmp_path / "disk" / REPORT).exists()


def test_the_type_of_the_error_of_a_required_place_is_kept(store: Store) -> None:
    target = DeliverTarget(name="drive", uri="gopher://drive/folder/", required=True)
    with pytest.raises(ConfigurationError):
        deliver_task.run(task(store, [target]), {}, print)


def test_a_promoted_file_that_changed_is_copied_nowhere(store: Store, tmp_path: Path) -> None:
    model = FileRef(uri=promoted_model(store).uri, sha256="0" * 64)
    with pytest.raises(DataError, match="is not the file that was promoted"):
        deliver_task.run(task(store, [place(tmp_path, "disk")], (model,)), {}, print)
    assert not any((tmp_path / "disk").iterdir())


def test_a_missing_report_is_an_error(store: Store, tmp_path: Path) -> None:
    store.delete(REPORT)
    with pytest.raises(NotFoundError):
        deliver_task.run(task(store, [place(tmp_path, "disk")]), {}, print)


def reported(store: Store) -> tuple[str, ...]:
    """The URIs of a report that was published."""
    results = {"run": RUN.model_dump(), "number": 1, "judgement": JUDGEMENT}
    store.write(REPORT.replace("report.md", "results.json"), json.dumps(results).encode())
    store.write(REPORT.replace(".md", ".html"), b"<html>")
    return tuple(
        store.uri_of(REPORT.replace("report.md", name)) for name in ("report.md", "report.html", "results.json")
    )


def to_git(server: GitServer, store: Store, backups: list[DeliverTarget], **git: str) -> DeliverTask:
    place = {"url": server.url(), "branch": "main", "path": "reports"} | git
    return task(store, backups, git=place).model_copy(update={"files": reported(store)})


def test_the_report_is_committed_once_with_the_verdict_in_the_subject(git_server: GitServer, store: Store) -> None:
    repository, lines = git_server.repository(), list[str]()
    store.write(REPORT.replace("report.md", "trades.csv"), b"symbol,side\n")
    for _ in range(2):
        result = deliver_task.run(
            to_git(git_server, store, []), os.environ | {"RETRAIN_GIT_TOKEN": git_server.token}, lines.append
        )
        assert [(target.name, target.ok, target.message) for target in result.targets] == [("report.git", True, "")]
    folder = "reports/default/nightly/1"
    assert git("-C", repository, "ls-tree", "-r", "--name-only", "main").splitlines() == [
        f"{folder}/report.html",
        f"{folder}/report.md",
        f"{folder}/results.json",
        f"{folder}/trades.csv",
    ]
    assert (
        git("-C", repository, "log", "--format=%s", "main") == "default/nightly report 1: Fail (1 of 3 pass, 2 needed)"
    )
    assert lines[0].startswith("report.git: commit ") and lines[1].endswith("already")
    assert git_server.token not in "".join(lines)


def test_a_repository_that_refuses_is_a_warning_and_keeps_no_copy_from_its_place(
    git_server: GitServer, store: Store, tmp_path: Path
) -> None:
    git_server.repository()
    wanted = to_git(git_server, store, [place(tmp_path, "disk", required=True)])
    result = deliver_task.run(wanted, os.environ | {"RETRAIN_GIT_TOKEN": "wrong"}, print)
    assert [(target.name, target.ok) for target in result.targets] == [("disk", True), ("report.git", False)]
    assert "does not accept the token" in result.targets[1].message


def test_the_report_is_pushed_though_a_required_place_fails(
    git_server: GitServer, store: Store, tmp_path: Path
) -> None:
    repository = git_server.repository()
    wanted = to_git(git_server, store, [broken(tmp_path, "gone", required=True)])
    with pytest.raises(RetrainError, match="The required copy to gone failed: "):
        deliver_task.run(wanted, os.environ | {"RETRAIN_GIT_TOKEN": git_server.token}, print)
    assert git("-C", repository, "rev-parse", "main")


def test_a_path_out_of_the_repository_is_refused(git_server: GitServer, store: Store) -> None:
    git_server.repository()
    result = deliver_task.run(to_git(git_server, store, [], path="../../etc"), os.environ, print)
    assert "which can't be a folder of a repository" in result.targets[0].message


def test_the_result_of_eight_places_that_fail_fits_a_termination_message(store: Store, tmp_path: Path) -> None:
    backups = [broken(tmp_path, f"place-{'x' * 50}-{n}") for n in range(8)]
    assert encode_message(deliver_task.run(task(store, backups), {}, print))
