"""Which field was probably meant by one that there is not: a slip of the pen, or a field at the wrong depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache

from retrain_api.names import KIND, SCHEDULE_KIND

_SLIP = 0.65
"""How alike two names are at least where one is a slip for the other: url and uri are, epochs and pods (0.6) are not."""

_FAR_SLIP = 0.75
"""The same of a name of another section: of so many one is always somewhat alike, as count is to cron."""

_MOST = 3
"""Places that a sentence names; a reader looks for one."""

METADATA = {
    KIND: {
        "name": "Name of the run.",
        "namespace": "Its namespace.",
        "labels": "Labels of the run; those of a queue are taken over by its Jobs.",
        "annotations": "Annotations of the run; tokens and answers are among them.",
    },
    SCHEDULE_KIND: {
        "name": "Name of the schedule, at most 40 characters; the names of its runs begin with it.",
        "namespace": "Its namespace, and that of its runs.",
        "labels": "Labels of the schedule; those of its runs are in the run template.",
        "annotations": "Annotations of the schedule; the tokens trigger and resume are among them.",
    },
}
"""Of each kind, the fields of an object's metadata that matters here, with what they are."""


@cache
def writable(kind: str = KIND) -> tuple[str, ...]:
    """Paths of all fields that a YAML file may have; [] stands for an entry of a list."""
    from .crd import schedule_spec_schema, spec_schema
    from .reference import fields

    spec = schedule_spec_schema() if kind == SCHEDULE_KIND else spec_schema()
    metadata = (f"metadata.{name}" for name in METADATA[kind])
    return ("apiVersion", "kind", "metadata", *metadata, "spec", *(path for path, *_ in fields(spec, "spec")))


_RECEIVER = {
    **dict.fromkeys(("on", "true", "events"), "did you mean when?"),
    "url": "the address belongs into a Secret, as its key url, and the Secret's name into secretName",
}
"""Fields that people expect of a receiver. YAML takes an unquoted on for true."""


def nearest_word(given: str, words: Sequence[str]) -> str:
    """The word that was probably meant; empty where none is near."""
    same = [word for word in words if _letters(word) == _letters(given)]
    return next(iter(same or get_close_matches(given, words, n=1, cutoff=_SLIP)), "")


def suggestion(parent: str, name: str, known: Sequence[str]) -> str:
    """`did you mean epochs?`, or `epochs belongs in spec.training`; empty where nothing is near. `parent` is a path, or empty."""
    if parent.endswith("notify[]") and name in _RECEIVER:
        return _RECEIVER[name]
    siblings = [_last(path) for path in known if _parent(path) == parent]
    close = [each for each in siblings if _letters(each) == _letters(name)] or get_close_matches(
        name, siblings, n=1, cutoff=_SLIP
    )
    if close:
        return f"did you mean {close[0]}?"
    elsewhere = [path for path in known if _letters(_last(path)) == _letters(name)]
    if elsewhere:
        return _elsewhere(name, elsewhere)
    return next(_nearest(name, siblings, known), "")


def _elsewhere(name: str, paths: Sequence[str]) -> str:
    """Where the field is. Of several places those nearest to the root, which are the ones that most people mean."""
    inside = [path for path in paths if _parent(path)]
    if not inside:
        return f"{name} belongs at the top of the document, beside kind"
    depth = min(map(_depth, inside))
    nearest = [path for path in inside if _depth(path) == depth][:_MOST]
    if any(_last(path) != name for path in nearest):
        return f"did you mean {nearest[0]}?"
    return f"{name} belongs in {' or '.join(map(_place, nearest))}"


def _nearest(name: str, siblings: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    ends = {_last(path): path for path in sorted(known, key=_depth, reverse=True)}
    yield from (f"did you mean {close}?" for close in get_close_matches(name, siblings, n=1))
    far = get_close_matches(name, sorted(ends), n=1, cutoff=_FAR_SLIP)
    yield from (f"did you mean {ends[close]}?" for close in far)


def _place(path: str) -> str:
    parent = _parent(path)
    return f"an entry of {parent.removesuffix('[]')}" if parent.endswith("[]") else parent


def _depth(path: str) -> int:
    return path.count(".") + path.count("[]")


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _letters(name: str) -> str:
    """A name without what tells hidden_size and hidden-size from hiddenSize."""
    return name.replace("_", "").replace("-", "").lower()
