"""Reads what the operator's owner decides: flags, each with an environment variable. A flag takes precedence.

Every value is checked here, before anything else starts, and a wrong one ends the start with one sentence. Otherwise a
mistyped number would show up as an error in the middle of the work, long after the rollout has succeeded.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrain_operator.decide.context import Settings

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")


@dataclass(frozen=True)
class OperatorSettings:
    """All settings. If `namespaces` is empty, all are watched; times are in seconds."""

    namespaces: tuple[str, ...]
    trainer_image: str
    evaluator_image: str
    allowed_images: tuple[str, ...]
    workers: int
    log_format: str
    log_level: str
    http_address: str
    lease_namespace: str
    lease_name: str
    lease_seconds: float
    identity: str
    leader_election: bool
    resync_seconds: float
    progress_reads_per_second: float
    progress_seconds: float

    def for_plan(self) -> Settings:
        """The part that decisions depend on."""
        return Settings(self.trainer_image, self.evaluator_image, self.allowed_images)


def read(argv: Sequence[str], environ: Mapping[str, str]) -> OperatorSettings:
    """The settings from flags and environment. Exits with code 2 and one sentence where a value is wrong."""
    parser = _parser(environ)
    given = vars(parser.parse_args(list(argv)))
    given["leader_election"] = not given.pop("no_leader_election")
    return OperatorSettings(**given)


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retrain-operator",
        description="Watches RetrainRuns and brings each to its verdict. Every flag can be set by the environment "
        "variable RETRAIN_ and its name (RETRAIN_WORKERS=16); a flag wins.",
    )
    for flag, default, kind, text in _FLAGS:
        names = [flag, *_FORMER_NAMES.get(flag, ())]
        value = next(filter(None, (environ.get(_variable(name)) for name in names)), None) or default()
        parser.add_argument(f"--{flag}", default=value, type=kind, metavar=flag.rsplit("-", 1)[-1].upper(), help=text)
        for former in names[1:]:
            parser.add_argument(
                f"--{former}",
                dest=flag.replace("-", "_"),
                default=argparse.SUPPRESS,
                type=kind,
                help=argparse.SUPPRESS,
            )
    off = environ.get("RETRAIN_NO_LEADER_ELECTION", "").lower() in ("1", "true", "yes")
    text = "do not use a Lease; only safe where there is never a second replica"
    parser.add_argument("--no-leader-election", action="store_true", default=off, help=text)
    return parser


def _variable(flag: str) -> str:
    return "RETRAIN_" + flag.upper().replace("-", "_")


def _own_namespace() -> str:
    return _OWN_NAMESPACE.read_text().strip() if _OWN_NAMESPACE.is_file() else "default"


def _identity() -> str:
    """The host's name alone would not distinguish a restarted process from the one before it."""
    return f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(_name(word) for word in _words(text))


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid Kubernetes name")
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _number(kind: type[int] | type[float], least: float) -> Callable[[str], Any]:
    def number(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {'whole ' if kind is int else ''}number") from None
        if not value >= least or math.isinf(value):
            raise argparse.ArgumentTypeError(f"{text} is not a finite number of at least {least:g}")
        return value

    return number


def _one_of(*choices: str) -> Callable[[str], str]:
    def choice(text: str) -> str:
        if text.lower() not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}")
        return text.lower()

    return choice


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form HOST:PORT")
    return text


def _fixed(text: str) -> Callable[[], str]:
    return lambda: text


_FORMER_NAMES = {"resync-seconds": ("sweep-seconds",)}
"""Flags that were renamed in this release; the former names and their variables are accepted until the next one."""

_FLAGS: tuple[tuple[str, Callable[[], str], Callable[[str], Any], str], ...] = (
    ("namespaces", _fixed(""), _names, "namespaces to watch, separated by commas; all if empty"),
    ("trainer-image", _fixed("retrain-trainer:latest"), str, "image of Jobs whose run names none"),
    (
        "evaluator-image",
        _fixed(""),
        str,
        "image of all Jobs but trainings, whatever a run asks for; the run's own if empty",
    ),
    ("allowed-images", _fixed(""), _words, "patterns (* and ?) of images a run may ask for; any if empty"),
    ("workers", _fixed("8"), _number(int, 1), "runs reconciled at the same time (default 8)"),
    ("log-format", _fixed("json"), _one_of("json", "text"), "json (default) or text"),
    (
        "log-level",
        _fixed("info"),
        _one_of("debug", "info", "warning", "error"),
        "debug, info (default), warning or error",
    ),
    ("http-address", _fixed("0.0.0.0:8080"), _address, "where /metrics, /healthz and /readyz are served"),
    ("lease-namespace", _own_namespace, _name, "namespace of the Lease; the operator's own by default"),
    ("lease-name", _fixed("retrain-operator"), _name, "name of the Lease"),
    (
        "lease-seconds",
        _fixed("15"),
        _number(float, 1),
        "a leader that is silent for this long is replaced (default 15)",
    ),
    ("identity", _identity, str, "this replica's name in the Lease"),
    (
        "resync-seconds",
        _fixed("300"),
        _number(float, 1),
        "time between two checks of the cache against the API server (default 300)",
    ),
    (
        "progress-reads-per-second",
        _fixed("2"),
        _number(float, 0),
        "logs read per second in all, to follow progress; 0 to read none (default 2)",
    ),
    (
        "progress-seconds",
        _fixed("10"),
        _number(float, 0),
        "time between two status writes that report only progress (default 10)",
    ),
)
