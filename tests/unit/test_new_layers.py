"""What is brought into a node of an image of which it has layers: an OCI archive of all layers' names, and of the new ones' content."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest
from testbed import new_layers

TORCH, CODE, EMPTY = b"t" * (2 << 20), b"c" * (2 << 20), b"e" * 512


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def saved(layers: dict[str, bytes]) -> io.BytesIO:
    """As `docker save` writes an image: its manifest comes last."""
    config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha(content)}" for content in layers.values()]}}).encode()
    manifest = [{"Config": "c.json", "RepoTags": ["trainer:1"], "Layers": list(layers)}]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in {"c.json": config, **layers, "manifest.json": json.dumps(manifest).encode()}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    stream.seek(0)
    return stream


def passed_on(image: io.BytesIO, blobs: str) -> dict[str, bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        output = new_layers.Output(archive)
        new_layers.finish(new_layers.read(image, new_layers.node_blobs(blobs), output), output)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("has", "brought"),
    [
        ((), {TORCH, CODE}),
        ((TORCH,), {CODE}),
        ((TORCH, CODE), set()),
    ],
)
def test_only_layers_that_the_node_lacks_are_brought(has: tuple[bytes, ...], brought: set[bytes]) -> None:
    blobs = "".join(f"{sha(content)} {len(content)}\n" for content in has)
    files = passed_on(saved({"a/layer.tar": TORCH, "b/layer.tar": CODE, "d/layer.tar": EMPTY}), blobs)
    assert {content for content in files.values() if len(content) > 1 << 20} == brought


def test_the_manifest_names_every_layer_in_order_and_the_image() -> None:
    files = passed_on(
        saved({"a/layer.tar": TORCH, "d/layer.tar": EMPTY, "b/layer.tar": CODE}), f"{sha(TORCH)} {len(TORCH)}\n"
    )
    entry = json.loads(files["index.json"])["manifests"][0]
    manifest = json.loads(files["blobs/sha256/" + entry["digest"].removeprefix("sha256:")])
    assert entry["annotations"] == {"io.containerd.image.name": "docker.io/library/trainer:1"}
    assert [layer["digest"] for layer in manifest["layers"]] == [f"sha256:{sha(one)}" for one in (TORCH, EMPTY, CODE)]
    assert [layer["size"] for layer in manifest["layers"]] == [len(TORCH), len(EMPTY), len(CODE)]


def test_a_giant_layer_that_only_has_the_size_of_a_known_one_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_layers, "_GIANT", 1 << 20)
    with pytest.raises(ValueError, match="is not the one of that size"):
        passed_on(saved({"a/layer.tar": TORCH}), f"{sha(CODE)} {len(TORCH)}\n")
