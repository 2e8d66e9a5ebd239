"""Reads a RetrainRun or a RetrainSchedule from a YAML file exactly as kubectl would.

The same file must mean the same here and on a cluster, and PyYAML reads some scalars differently. kubectl
(sigs.k8s.io/yaml) reads 1e-6 as a number, where PyYAML reads text; it reads unquoted yes, no, on and off (and y and n)
as booleans, leaves dates as text, and in strict mode refuses a repeated key.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import KIND, SCHEDULE_KIND
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schedule import RetrainSchedule, parse_schedule

T = TypeVar("T", RetrainRun, RetrainSchedule)

_PLAIN_TAGS = ("null", "bool", "int", "float", "str", "seq", "map")
_TAG = "tag:yaml.org,2002:"


class _KubectlLoader(yaml.SafeLoader):
    """PyYAML's safe loader with kubectl's scalars and without repeated keys."""

    bool_values: ClassVar[dict[str, bool]] = yaml.SafeLoader.bool_values | {"y": True, "n": False}


_KubectlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.removeprefix(_TAG) in ("null", "bool", "merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_KubectlLoader.yaml_constructors = {
    tag: build
    for tag, build in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix(_TAG) in _PLAIN_TAGS
}

# As Go's strconv.ParseInt(text, 0, 64) and the parser's own pattern for floats, underscores left out.
_KubectlLoader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^[yYnN]$"), list("yYnN"))
_KubectlLoader.add_implicit_resolver(
    f"{_TAG}int",
    re.compile(
        r"^[-+]?(0|[1-9][0-9_]*|0[oO]?[0-7_]*[0-7]_*|0[xX][0-9a-fA-F_]*[0-9a-fA-F]_*|0[bB][01_]*[01]_*)$", re.ASCII
    ),
    list("-+0123456789"),
)
_KubectlLoader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"^([-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$",
        re.ASCII,
    ),
    list("-+0123456789."),
)


def _int(loader: _KubectlLoader, node: yaml.ScalarNode) -> int:
    """0x1F, 0o17, 0b11, and 017 for fifteen."""
    text = str(loader.construct_scalar(node)).replace("_", "")
    return int(re.sub(r"^([-+]?)0(?=[0-7]+$)", r"\g<1>0o", text), 0)


def _mapping(loader: _KubectlLoader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key_node.start_mark)
        # As JSON spells it: kubectl makes `true: x` the key "true".
        name = key if isinstance(key, str) else json.dumps(key)
        if name in found:
            raise yaml.constructor.ConstructorError(None, None, f"{name} is written twice", key_node.start_mark)
        found[name] = loader.construct_object(value_node, deep=True)
    return found


_KubectlLoader.add_constructor(f"{_TAG}int", _int)
_KubectlLoader.add_constructor(f"{_TAG}map", _mapping)


def documents(text: str, name: str) -> list[Any]:
    """The non-empty documents of a YAML text. Raises ConfigurationError("BadYaml") with line and column."""
    try:
        return [document for document in yaml.load_all(text, _KubectlLoader) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        unquoted = _unquoted(text.splitlines()[mark.line]) if mark and mark.line < len(text.splitlines()) else ""
        problem = unquoted or getattr(error, "problem", None) or "not YAML"
        raise ConfigurationError(reasons.BAD_YAML, f"{name}{where}: {problem}.") from None
    except (ValueError, KeyError) as error:
        raise ConfigurationError(
            reasons.BAD_YAML, f"{name}: a value does not fit the tag before it ({error})."
        ) from None
    except RecursionError:
        raise ConfigurationError(reasons.BAD_YAML, f"{name}: it is nested too deeply.") from None


def _unquoted(line: str) -> str:
    """A sentence for a value that YAML takes for something else than text, as of `schedule: */5 * * * *` or `schedule: @daily`."""
    found = re.match(r"\s*(?:- )?([A-Za-z0-9_.-]+):\s+((?:[@%`]|[*][ ,/-])[^#]*?)\s*(#.*)?$", line)
    if found is None or '"' in found[2]:
        return ""
    return f'the value must be in quotes: {found[1]}: "{found[2]}"'


def read_text(path: str | Path, kind: str = KIND) -> str:
    """The text of a file of a kind, or of standard input for `-`."""
    try:
        return sys.stdin.read() if str(path) == "-" else Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            reasons.FILE_NOT_FOUND, f"{path} does not exist; give the YAML file of a {kind}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(reasons.UNREADABLE, f"{path} cannot be read: {reason}.") from None


def load_run(path: str | Path) -> RetrainRun:
    """The one RetrainRun in a YAML file; other kinds beside it (a Secret, say) are ignored.

    Raises ConfigurationError with a sentence for everything that is wrong.
    """
    return _run_in(path, _read(path, KIND))


def load_schedule(path: str | Path) -> RetrainSchedule:
    """The one RetrainSchedule in a YAML file; other kinds beside it, a RetrainRun too, are ignored. Raises as `load_run`."""
    return _schedule_in(path, _read(path, SCHEDULE_KIND))


def load_run_or_schedule(path: str | Path) -> RetrainRun | RetrainSchedule:
    """As `load_run`; of a file that has a RetrainSchedule and no run, the schedule."""
    read = _read(path, KIND)
    if any(_is(document, KIND) for document in read) or not any(_is(document, SCHEDULE_KIND) for document in read):
        return _run_in(path, read)
    return _schedule_in(path, read)


def run_of(resource: RetrainRun | RetrainSchedule) -> RetrainRun:
    """The run itself, or the one that a schedule makes, by the schedule's name: it says where data and models are."""
    if isinstance(resource, RetrainRun):
        return resource
    metadata, spec = resource.metadata, resource.spec.run_template.spec
    return RetrainRun(api_version=resource.api_version, kind=KIND, metadata=metadata, spec=spec)


def load_run_or_template(path: str | Path) -> RetrainRun:
    """As `load_run`; of a file that has a RetrainSchedule and no run, the run that it makes.

    For commands that ask where data and models are, and not when anything is done.
    """
    return run_of(load_run_or_schedule(path))


def _read(path: str | Path, kind: str) -> list[Any]:
    return documents(read_text(path, kind), str(path))


def _run_in(path: str | Path, read: list[Any]) -> RetrainRun:
    return _checked(path, _the_one(path, read, KIND), parse_run)


def _schedule_in(path: str | Path, read: list[Any]) -> RetrainSchedule:
    return _checked(path, _the_one(path, read, SCHEDULE_KIND), parse_schedule)


def _the_one(path: str | Path, read: list[Any], kind: str) -> dict[str, Any]:
    """The document of a kind. Raises ConfigurationError("NotOneRun") where there is none, or more than one."""
    found: list[dict[str, Any]] = [document for document in read if _is(document, kind)]
    if len(found) == 1:
        return found[0]
    many = "no" if not found else str(len(found))
    meant = "" if found else _other_command(path, read, kind) or _mistyped_kind(read, kind)
    sentence = f"{path}: {meant}" if meant else f"{path} has {many} {kind}; exactly one is expected."
    raise ConfigurationError(reasons.NOT_ONE_RUN, sentence)


def _checked(path: str | Path, document: dict[str, Any], parse: Callable[[dict[str, Any]], T]) -> T:
    try:
        return parse(document)
    except ConfigurationError as error:
        lines = "\n".join(f"{path}: {line}" for line in error.message.splitlines())
        raise ConfigurationError(error.reason, lines) from None


def _is(document: Any, kind: str) -> bool:
    """Whether a document is of the kind; a mapping without one is a run."""
    return isinstance(document, dict) and document.get("kind", KIND) == kind


def _other_command(path: str | Path, read: list[Any], kind: str) -> str:
    """A sentence for a file that another command takes."""
    other, command = (SCHEDULE_KIND, "schedule run") if kind == KIND else (KIND, "run")
    if not any(_is(document, other) for document in read):
        return ""
    return f"it is a {other}, not a {kind}; `retrain {command} -f {path}` carries it out."


def _mistyped_kind(read: list[Any], wanted: str) -> str:
    """A sentence on a kind that was meant to be ours: kubectl takes retrainruns on its command line, and no file does."""
    kinds = [document.get("kind") for document in read if isinstance(document, dict)]
    near = (
        kind for kind in kinds if isinstance(kind, str) and get_close_matches(kind.lower(), [wanted.lower()], 1, 0.75)
    )
    return next((f"there is no kind {kind}; did you mean {wanted}?" for kind in near), "")
