"""Where file:// locations of a YAML file point to."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrain_api.run import parse_run
from retrain_cli.inputs.locations import resolve_locations, resolve_uri

FOLDER = Path("/home/ada/runs")


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("file://./data/", "file:///home/ada/runs/data/"),
        ("file://./data", "file:///home/ada/runs/data"),
        ("file://./", "file:///home/ada/runs/"),
        ("file://../data/", "file:///home/ada/data/"),
        ("file://../../../../data/", "file:///data/"),
        ("file://../../../", "file:///"),
        ("file://./a/../b/", "file:///home/ada/runs/b/"),
        ("file:///mnt/data/", "file:///mnt/data/"),
        ("file:///mnt/../data/", "file:///mnt/../data/"),
        ("s3://bucket/./data/", "s3://bucket/./data/"),
        ("rclone://drive/data/", "rclone://drive/data/"),
    ],
)
def test_only_a_relative_file_location_moves(written: str, resolved: str) -> None:
    assert resolve_uri(written, FOLDER) == resolved


def test_a_relative_folder_counts_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_uri("file://./data/", Path("runs")) == f"file://{tmp_path}/runs/data/"


def test_every_location_of_a_run_is_resolved_and_nothing_else_changes() -> None:
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "btc"},
        "spec": {
            "symbols": ["BTC-USD"],
            "data": {"uri": "file://./data/", "interval": "5m"},
            "artifacts": {"uri": "file://../artifacts/"},
            "backups": [{"name": "disk", "uri": "file://./backup/", "required": True}],
            "promotion": {"policy": "Manual", "baseline": {"uri": "file://./old.pt"}},
        },
    }
    absolute = {
        **document["spec"],  # type: ignore[dict-item]
        "data": {"uri": "file:///home/ada/runs/data/", "interval": "5m"},
        "artifacts": {"uri": "file:///home/ada/artifacts/"},
        "backups": [{"name": "disk", "uri": "file:///home/ada/runs/backup/", "required": True}],
        "promotion": {"policy": "Manual", "baseline": {"uri": "file:///home/ada/runs/old.pt"}},
    }
    resolved = resolve_locations(parse_run(document), FOLDER)
    assert resolved == parse_run({**document, "spec": absolute})
    assert resolve_locations(resolved, Path("/elsewhere")) == resolved


def test_a_run_without_baseline_and_backups_stays_without() -> None:
    run = parse_run(
        {
            "apiVersion": "retrain.crpbot.dev/v1alpha1",
            "kind": "RetrainRun",
            "metadata": {"name": "btc"},
            "spec": {"symbols": ["BTC-USD"], "data": {"uri": "s3://bucket/d/"}, "artifacts": {"uri": "s3://bucket/a/"}},
        }
    )
    assert resolve_locations(run, FOLDER) == run
