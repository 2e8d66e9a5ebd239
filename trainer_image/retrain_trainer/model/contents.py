"""What is in the bytes of a file that is taken for a model: data alone, or a sentence about what it is instead.

People name what they have: a checkpoint with a library's objects in it, a page of HTML from a link that has expired, half a
download. torch answers these with its own options and the advice to unpickle what nobody has checked, so what a file
is gets looked at here. Nothing in a file is ever run: it is read with weights_only.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retrain_api import reasons
from retrain_api.errors import DataError

_SAVE = "save its state_dict alone: torch.save(model.state_dict(), ...)"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with git lfs pull"),
    (b"\x89HDF", f"an HDF5 file, as Keras writes it; in PyTorch, {_SAVE}"),
    (b"PAR1", "a parquet file"),
    (b"\x93NUMPY", f"a numpy array; {_SAVE}"),
    (b"\x1f\x8b", "compressed with gzip; unpack it"),
    (b"BZh", "compressed with bzip2; unpack it"),
    (b"\xfd7zXZ", "compressed with xz; unpack it"),
    (b"(\xb5/\xfd", "compressed with zstd; unpack it"),
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program"),
)
_OF_LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MOST_NAMES = 3
_MOST_TEXT = 4_096


def unpacked(data: bytes) -> Any:
    """What torch.save put into the file. Raises DataError("BadModelFile") for anything but numbers, texts and tensors."""
    # torch takes away again whatever it was given, also what this process had allowed before.
    known = set(torch.serialization.get_safe_globals())
    for allowed in ([], [kind for kind in _of_numpy() if kind not in known]):
        try:
            with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
                warnings.simplefilter("ignore")  # torch warns of what it then refuses
                return torch.load(BytesIO(data), weights_only=True, map_location="cpu")
        except Exception:
            continue
    raise DataError(reasons.BAD_MODEL_FILE, f"This is not a model file: it is {kind_of(data)}.")


def _of_numpy() -> list[Any]:
    """What scalars and arrays of numpy are made of: `np.mean(losses)` beside the weights is enough to need it.

    They are data, and making them runs nobody's code. numpy 1 has them under another name.
    """
    kinds = {type(np.dtype(code)) for code in np.typecodes["All"]}
    scalar, array = np._core.multiarray.scalar, np._core.multiarray._reconstruct  # type: ignore[attr-defined]
    former = [(scalar, "numpy.core.multiarray.scalar"), (array, "numpy.core.multiarray._reconstruct")]
    return [scalar, array, np.dtype, np.ndarray, *kinds, *former]


def kind_of(data: bytes) -> str:
    """What a file is that torch can't read, in words that end a sentence."""
    if not data:
        return "empty"
    if known := next((words for beginning, words in _BEGINNINGS if data.startswith(beginning)), None):
        return known
    if data.startswith(b"PK"):
        return _kind_of_zip(data)
    if data.startswith(_OF_LEGACY_TORCH):
        return f"cut off or damaged, or it holds Python objects besides numbers; {_SAVE}"
    if data[0] == 0x80 and data[1:2] <= b"\x05":
        return f"a pickle of Python objects, which could run code when it is read; {_SAVE}"
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") < len(data):
        return "a safetensors file; read it with safetensors.torch.load_file, and torch.save what that returns"
    return _kind_of_text(data[:_MOST_TEXT]) or "of a kind that is not known here, or damaged"


def _kind_of_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return "cut off or damaged; copy it again"
    if any(name.endswith("constants.pkl") for name in names):
        return f"a TorchScript archive, which holds a program; {_SAVE}"
    if not any(name.endswith("data.pkl") for name in names):
        return "a zip archive without a model in it; name the file inside"
    objects = _objects(data)
    if not objects:
        return "damaged; copy it again"
    return f"a file with Python objects besides numbers ({', '.join(objects)}); {_SAVE}"


def _objects(data: bytes) -> list[str]:
    """The first few names of what would have to be imported to read the file, without reading it."""
    try:
        found = torch.serialization.get_unsafe_globals_in_checkpoint(BytesIO(data))
    except Exception:  # the file is a stranger's
        return []
    # numpy's scalars are read; torch names them nonetheless.
    names = [name for name in sorted(found) if re.fullmatch(r"[\w.]{1,60}", name) and not name.startswith("numpy.")]
    return names[:_MOST_NAMES]


def _kind_of_text(beginning: bytes) -> str | None:
    try:
        text = beginning.decode("utf-8", "strict" if len(beginning) < _MOST_TEXT else "ignore").strip().lower()
    except UnicodeDecodeError:
        return None
    if not text or not (text.isprintable() or set(filter(lambda sign: not sign.isprintable(), text)) <= set("\n\r\t")):
        return None
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page; look at what its address shows in a browser"
    return {"<": "an XML text", "{": "a JSON text", "[": "a JSON text"}.get(text[0], "a text")


def is_state_dict(found: object) -> bool:
    """Whether it is tensors by their names and nothing else."""
    return isinstance(found, Mapping) and bool(found) and all(isinstance(part, Tensor) for part in found.values())


def described(found: object) -> str:
    """What was read, where it is no model of this trainer, in words that end a sentence."""
    if is_state_dict(found):
        return "a state_dict, without all else that a prediction needs; only promotion.baseline takes one"
    if not isinstance(found, Mapping):
        return f"a {type(found).__name__} that was saved by itself; {_SAVE}"
    within = [str(name) for name, part in found.items() if is_state_dict(part)]
    if within:
        name = _shown(within[0])
        return f"a checkpoint with its weights under {name}; save that part alone: torch.save(checkpoint[{name}], ...)"
    names = ", ".join(_shown(str(name)) for name in list(found)[:_MOST_NAMES]) or "nothing"
    return f"a checkpoint without weights: what it holds is {names}"


def _shown(name: str) -> str:
    return repr(name if name.isprintable() and len(name) <= 40 else f"{ascii(name)[1:37]}...")
