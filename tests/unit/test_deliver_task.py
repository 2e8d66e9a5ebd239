"""Copies in other places: complete and compared, or said not to be."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from retrain_api.documents import DeliverTarget, DeliverTask, FileRef, encode_message
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError
from retrain_trainer import deliver_task
from retrain_trainer.store import Store, open_store
from support.publishing_case import RUN, put_model

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
    target = DeliverTarget(name="drive", uri="rclone://drive/folder/", required=True)
    with pytest.raises(ConfigurationError):
        deliver_task.run(task(store, [target]), {}, print)


def test_a_promoted_file_that_changed_is_copied_nowhere(store: Store, tmp_path: Path) -> None:
    model = FileRef(uri=promoted_model(store).uri, sha256="0" * 64)
    with pytest.raises(DataError, match="is not the file that was promoted"):
        deliver_task.run(task(store, [place(tmp_path, "disk")], (model,)), {}, print)
    assert not any((tmp_path / "disk").iterdir())


def test_a_report_that_is_gone_is_said_to_be(store: Store, tmp_path: Path) -> None:
    store.delete(REPORT)
    with pytest.raises(NotFoundError):
        deliver_task.run(task(store, [place(tmp_path, "disk")]), {}, print)


def test_git_is_refused_in_words_and_does_not_fail_the_rest(store: Store, tmp_path: Path) -> None:
    git = {"url": "https://example.org/r.git", "branch": "main", "path": "reports"}
    result = deliver_task.run(task(store, [place(tmp_path, "disk")], git=git), {}, print)
    assert [(target.name, target.ok) for target in result.targets] == [("disk", True), ("git", False)]
    assert result.targets[1].message == "report.git is not supported by this trainer version yet"


def test_the_result_of_eight_places_that_fail_fits_a_termination_message(store: Store, tmp_path: Path) -> None:
    backups = [broken(tmp_path, f"place-{'x' * 50}-{n}") for n in range(8)]
    assert encode_message(deliver_task.run(task(store, backups), {}, print))
