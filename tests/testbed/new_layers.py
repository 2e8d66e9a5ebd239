"""Passes on the layers of an image that a node does not have yet.

    docker save IMAGE | new_layers.py BLOBS | ctr images import -

`BLOBS` is a file with a line "DIGEST SIZE" for each blob of the node. `docker save` writes every layer, gigabytes of
torch included, whatever a node has already; what comes out is an OCI archive that names all layers and holds the new ones alone. A
giant layer is taken for one of the node's by its size, and proven by its digest; where that proof fails the program ends with 1, and
the archive with it. Others are kept on disk until their digest is known: code that changed by a word is a layer of the same size.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_SMALL = 1 << 20
"""Up to this size a member is kept in memory: it is no layer worth leaving out, or no layer at all."""
_GIANT = 1 << 29
"""From this size on a layer that is probably known is not written to disk."""
_CHUNK = 1 << 20
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass
class Archive:
    """What was read: the small members, and the digest and size of each big one, by name."""

    small: dict[str, bytes] = field(default_factory=dict)
    big: dict[str, tuple[str, int]] = field(default_factory=dict)


class Output:
    """An OCI archive that is being written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def blob(self, content: bytes, kind: str) -> dict[str, Any]:
        """Write a blob; returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.file(f"blobs/sha256/{digest}", len(content), io.BytesIO(content))
        return descriptor(kind, digest, len(content))

    def file(self, name: str, size: int, content: IO[bytes]) -> None:
        """Write a file."""
        entry = tarfile.TarInfo(name)
        entry.size = size
        self._tar.addfile(entry, content)


def descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    """How OCI names a blob."""
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def read(source: IO[bytes], known: dict[int, set[str]], output: Output) -> Archive:
    """Read the archive to its end, and pass on the big members that the node does not have. Raises ValueError."""
    archive = Archive()
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                continue
            if member.size <= _SMALL:
                archive.small[member.name] = content.read()
            else:
                archive.big[member.name] = _big(content, member.size, known.get(member.size, set()), output)
    return archive


def _big(content: IO[bytes], size: int, candidates: set[str], output: Output) -> tuple[str, int]:
    presumed = bool(candidates) and size >= _GIANT
    with tempfile.TemporaryFile() as kept:
        seen = hashlib.sha256()
        while chunk := content.read(_CHUNK):
            seen.update(chunk)
            if not presumed:
                kept.write(chunk)
        digest = seen.hexdigest()
        if digest not in candidates:
            if presumed:
                raise ValueError(f"a layer of {size} bytes is not the one of that size in the node")
            kept.seek(0)
            output.file(f"blobs/sha256/{digest}", size, kept)
    return digest, size


def finish(archive: Archive, output: Output) -> None:
    """Write config, small layers, manifest and index of each image in the archive."""
    manifests = []
    for image in json.loads(archive.small["manifest.json"]):
        layers = [_layer(name, archive, output) for name in image["Layers"]]
        config = output.blob(archive.small[image["Config"]], _CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        entry = output.blob(json.dumps(manifest).encode(), _MANIFEST)
        names = [f"docker.io/library/{tag}" for tag in image["RepoTags"]]
        manifests += [entry | {"annotations": {"io.containerd.image.name": name}} for name in names]
    index = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}).encode()
    output.file("index.json", len(index), io.BytesIO(index))
    layout = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()
    output.file("oci-layout", len(layout), io.BytesIO(layout))


def _layer(name: str, archive: Archive, output: Output) -> dict[str, Any]:
    if name in archive.big:
        return descriptor(_LAYER, *archive.big[name])
    return output.blob(archive.small[name], _LAYER)


def node_blobs(text: str) -> dict[int, set[str]]:
    """The digests of the node's blobs, by their size."""
    found: dict[int, set[str]] = {}
    for line in text.splitlines():
        digest, size = line.split()
        found.setdefault(int(size), set()).add(digest)
    return found


def main(arguments: list[str]) -> int:
    """From standard input to standard output."""
    known = node_blobs(Path(arguments[0]).read_text())
    try:
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
            output = Output(tar)
            finish(read(sys.stdin.buffer, known, output), output)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
