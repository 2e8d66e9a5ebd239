"""Which run a command means: one that was made here, or one on the cluster of the kubeconfig."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError, SoftwareError
from retrain_api.status import RetrainRunStatus
from retrain_operator.paths import one

from .cluster import CONFLICT, Body, Cluster, is_configured
from .state_dir import RunFolder

DEFAULT_STATE_DIR = ".retrain"
_TRIES = 5
"""Times that an annotation is written again because the object has changed in between."""


class KnownRun(Protocol):
    """A run that is found."""

    @property
    def name(self) -> str:
        """metadata.name."""

    @property
    def status(self) -> RetrainRunStatus:
        """Its status."""

    @property
    def spec(self) -> Mapping[str, Any] | None:
        """Its spec; None where only the status is known."""

    @property
    def current(self) -> bool:
        """Whether the status speaks of the run as it is now."""

    def user(self) -> str:
        """Who the caller is to those who keep the run."""

    def annotate(self, name: str, value: str) -> None:
        """Set an annotation while status.gate.digest is still that of `status`; SoftwareError("JudgementChanged")."""

    def carried_out(self) -> str:
        """How an annotation comes to be acted upon, in a sentence."""


def add_run_arguments(parser: argparse.ArgumentParser, metavar: str = "RUN", nargs: str | None = None) -> None:
    """How a run is named: a run made here first, then one on the cluster."""
    parser.add_argument("run", nargs=nargs, metavar=metavar, help="name of the run (metadata.name)")
    parser.add_argument("-n", "--namespace", help="its namespace (default: default; on a cluster the context's)")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(DEFAULT_STATE_DIR),
        metavar="DIR",
        help="where `retrain run` kept the state (default: %(default)s); runs that are not there are on the cluster",
    )
    parser.add_argument("--context", help="context of the kubeconfig; the run is on that cluster")
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="another kubeconfig; the run is on that cluster"
    )


def find_run(args: argparse.Namespace, name: str | None = None) -> KnownRun:
    """The run that the arguments name. Raises NotFoundError, and what a cluster refuses."""
    wanted: str = name or args.run
    here = None
    if not (args.context or args.kubeconfig):
        try:
            return local_run(args.state_dir, args.namespace or "default", wanted)
        except NotFoundError as error:
            here = error
            if not is_configured():
                raise
    cluster = Cluster(args.kubeconfig, args.context)
    try:
        namespace = args.namespace or cluster.namespace()
        return ClusterRun(cluster, cluster.get(one("runs", namespace, wanted)))
    except RetrainError as error:
        raise type(error)(error.reason, "\n".join([*([here.message] if here else []), error.message])) from None


def local_run(state_dir: Path, namespace: str, name: str) -> LocalRun:
    """A run that was made here. Raises NotFoundError("RunNotFound") and DataError("BadStatus")."""
    return LocalRun(RunFolder(state_dir / namespace / name), name, read_status(state_dir, namespace, name))


def read_status(state_dir: Path, namespace: str, name: str) -> RetrainRunStatus:
    """The status that `retrain run` left.

    Raises NotFoundError("RunNotFound"), naming the runs that are there, and DataError("BadStatus").
    """
    path = state_dir / namespace / name / "status.json"
    try:
        return RetrainRunStatus.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("RunNotFound", _unknown(state_dir, namespace, name)) from None
    except OSError as error:
        raise NotFoundError("RunNotFound", f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise DataError(
            "BadStatus", f"{path} is not the status of a run; move it away and start the run again, it goes on."
        ) from None


def _unknown(state_dir: Path, namespace: str, name: str) -> str:
    known = sorted(path.parent for path in state_dir.glob("*/*/status.json"))
    names = [path.name if path.parent.name == namespace else f"{path.name} -n {path.parent.name}" for path in known]
    there = f"there are: {', '.join(names[:10])}" if names else "there is none: start one with `retrain run -f FILE`"
    return f"No run {name} in namespace {namespace} was made in {state_dir}; {there}."


def local_user() -> str:
    """The name of this machine's user. Raises ConfigurationError("NoName")."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigurationError("NoName", "This machine's user has no name; set LOGNAME.") from None


@dataclass(frozen=True)
class LocalRun:
    """A run of the state folder."""

    folder: RunFolder
    name: str
    status: RetrainRunStatus
    spec: None = None

    @property
    def current(self) -> bool:
        """What stands in the file by now, only the next `retrain run` knows."""
        return True

    def user(self) -> str:
        """The name of this machine's user."""
        return local_user()

    def annotate(self, name: str, value: str) -> None:
        """Keep it beside the status; a word on another judgement counts nothing."""
        self.folder.write_answer(name, value)

    def carried_out(self) -> str:
        """By the next command."""
        return "Run the same `retrain run -f FILE` again to carry it out."


@dataclass(frozen=True)
class ClusterRun:
    """A run as the API server has it."""

    cluster: Cluster
    body: Body

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.body["metadata"]["name"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec, with all defaults."""
        return dict(self.body["spec"])

    @cached_property
    def status(self) -> RetrainRunStatus:
        """Its status. Raises DataError("BadStatus")."""
        try:
            return RetrainRunStatus.model_validate(self.body.get("status") or {})
        except ValidationError:
            raise DataError(
                "BadStatus", f"The status of {self.name} is not one of this release; use the operator's release."
            ) from None

    @property
    def current(self) -> bool:
        """The operator has seen the present spec."""
        return bool(self.status.observed_generation == self.body["metadata"].get("generation"))

    def user(self) -> str:
        """As the API server knows the caller."""
        return self.cluster.user()

    def annotate(self, name: str, value: str) -> None:
        """With the object's resourceVersion: what is answered is what was read."""
        meta, digest = self.body["metadata"], _digest(self.body)
        path = one("runs", meta["namespace"], meta["name"])
        for _ in range(_TRIES):
            fixed = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "annotations": {name: value}}
            try:
                self.cluster.merge(f"{path}?fieldManager=retrain-approval", {"metadata": fixed})
                return
            except SoftwareError as error:
                if error.reason != CONFLICT:
                    raise
            body = self.cluster.get(path)
            if body["metadata"]["uid"] != meta["uid"] or _digest(body) != digest:
                break
            meta = body["metadata"]
        raise SoftwareError("JudgementChanged", f"{self.name} has changed meanwhile; look at it again.")

    def carried_out(self) -> str:
        """By the operator."""
        namespace = self.body["metadata"]["namespace"]
        return f"The operator acts on it: kubectl -n {namespace} get retrainrun {self.name} -w"


def _digest(body: Body) -> str | None:
    gate = (body.get("status") or {}).get("gate") or {}
    return gate.get("digest")
