"""What the operator's owner decides: flags, each with an environment variable. A flag wins."""

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

from .work import Settings

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")


@dataclass(frozen=True)
class OperatorSettings:
    """All settings. Empty `namespaces` means all of them; times are in seconds."""

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
    sweep_seconds: float
    progress_reads_per_second: float
    progress_seconds: float

    def for_plan(self) -> Settings:
        """The part that decisions go by."""
        return Settings(self.trainer_image, self.evaluator_image, self.allowed_images)


def read(argv: Sequence[str], environ: Mapping[str, str]) -> OperatorSettings:
    """The settings of this start. Exits with code 2 and one sentence where a value is wrong."""
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
        variable = "RETRAIN_" + flag.upper().replace("-", "_")
        value = environ.get(variable) or default()
        parser.add_argument(f"--{flag}", default=value, type=kind, metavar=flag.rsplit("-", 1)[-1].upper(), help=text)
    off = environ.get("RETRAIN_NO_LEADER_ELECTION", "").lower() in ("1", "true", "yes")
    text = "do without a Lease; only where there is never a second replica"
    parser.add_argument("--no-leader-election", action="store_true", default=off, help=text)
    return parser


def _own_namespace() -> str:
    return _OWN_NAMESPACE.read_text().strip() if _OWN_NAMESPACE.is_file() else "default"


def _identity() -> str:
    """A host's name alone would not tell a restarted process from the one before it."""
    return f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(_name(word) for word in _words(text))


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name that Kubernetes takes")
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _number(kind: type[int] | type[float], least: float) -> Callable[[str], Any]:
    def number(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no {'whole ' if kind is int else ''}number") from None
        if not value >= least or math.isinf(value):
            raise argparse.ArgumentTypeError(f"{text} is no number of {least:g} or more")
        return value

    return number


def _one_of(*choices: str) -> Callable[[str], str]:
    def choice(text: str) -> str:
        if text.lower() not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(choices)}")
        return text.lower()

    return choice


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return text


def _fixed(text: str) -> Callable[[], str]:
    return lambda: text


_FLAGS: tuple[tuple[str, Callable[[], str], Callable[[str], Any], str], ...] = (
    ("namespaces", _fixed(""), _names, "namespaces to watch, with commas between; all where empty"),
    ("trainer-image", _fixed("retrain-trainer:latest"), str, "image of Jobs whose run names none"),
    (
        "evaluator-image",
        _fixed(""),
        str,
        "image of all Jobs after training, whatever a run asks for; the run's if empty",
    ),
    ("allowed-images", _fixed(""), _words, "patterns (* and ?) of images a run may ask for; any where empty"),
    ("workers", _fixed("8"), _number(int, 1), "runs looked at at the same time (default 8)"),
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
    ("lease-seconds", _fixed("15"), _number(float, 1), "a leader that is silent for so long is replaced (default 15)"),
    ("identity", _identity, str, "this replica's name in the Lease"),
    ("sweep-seconds", _fixed("300"), _number(float, 1), "time between two checks of the cache against the API server"),
    (
        "progress-reads-per-second",
        _fixed("2"),
        _number(float, 0),
        "logs read a second in all, for progress; 0 for none",
    ),
    (
        "progress-seconds",
        _fixed("10"),
        _number(float, 0),
        "time between two writes of a status that tell only of progress (default 10)",
    ),
)
