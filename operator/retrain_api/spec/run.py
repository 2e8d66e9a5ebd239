"""The spec of a RetrainRun: everything one can ask for, put together from the parts beside this module."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from retrain_api.time import Question, Windows, duration
from retrain_api.wire import FieldError, Seconds, Strict, each_once, rule, validations

from .credentials import Credentials
from .data import Data, Label, Split
from .evaluation import Evaluation
from .forms import FOLDER, GIT_URL, LABEL, Check, ObjectName, Symbol, Uri
from .gate import Gate, Promotion
from .notify import Notify
from .observation import Observation
from .pods import Evaluate, Pods, Publish, Train
from .training import Model, Training

BackupName: TypeAlias = Annotated[str, StringConstraints(max_length=63), LABEL.check]

_QUORUM_RULE = rule(
    "!has(self.gate.minPassed) || self.gate.minPassed <= size(self.symbols)",
    "minPassed must not be greater than the number of symbols",
    ".gate.minPassed",
)


_FILENAME_RULE = rule(
    "size(self.symbols) == 1 || self.data.filename.contains('{symbol}')",
    "with more than one symbol the name must contain {symbol}, or all would train on one file",
    ".data.filename",
)


# A promotion flips its pointer with a conditional write: of two at once exactly one wins.
_NOT_RCLONE = rule(
    "!self.startsWith('rclone://')",
    "must be s3:// or file://: a promotion needs conditional writes, which rclone does not have; data and backups may "
    "be rclone://",
)


def _without_conditions(uri: str) -> str:
    return _NOT_RCLONE["message"] if uri.startswith("rclone://") else ""


class Artifacts(Strict):
    """Where models, checkpoints and reports go."""

    uri: Annotated[Uri, Check(_NOT_RCLONE, _without_conditions)] = Field(
        description="Folder in a store: s3://bucket/path/ or file:///mounted/path/. Not rclone://, which has no "
        "conditional writes.",
    )
    credentials: Credentials | None = Field(
        None, description="Credentials for the artifacts alone; the run's credentials when unset."
    )


class Backup(Strict):
    """Another place that gets a copy of the promoted models and the report."""

    name: BackupName = Field(description="Name of the place in status and report.")
    uri: Uri = Field(description="Folder in a store, as in data.uri.")
    credentials: Credentials | None = Field(None, description="Its credentials; the run's when unset.")
    required: bool = Field(False, description="Whether a failed copy is an error rather than a warning.")


_WITHIN = rule(
    "!self.split('/').exists(part, part.lowerAscii() in ['.', '..', '.git'])",
    "must be a folder in the repository, without . , .. or .git in it",
)


def _leaves(path: str) -> str:
    away = any(part.lower() in (".", "..", ".git") for part in path.split("/"))
    return _WITHIN["message"] if away else ""


class Git(Strict):
    """A repository that the report is committed and pushed to."""

    url: Annotated[str, GIT_URL.check] = Field(
        max_length=1024,
        description="URL of the repository, without user or token.",
    )
    branch: str = Field(
        "main", min_length=1, max_length=255, description="Branch to push to; created where it does not exist."
    )
    path: Annotated[str, FOLDER.check, Check(_WITHIN, _leaves)] = Field(
        "reports",
        min_length=1,
        max_length=255,
        description="Folder for the reports; each is written to <namespace>/<run>/<number>/ in it.",
    )
    secret_name: ObjectName | None = Field(
        None,
        description="Secret with the key token, and optionally username; ca.crt for a private certificate authority.",
    )


class Report(Strict):
    """Where else the report goes."""

    git: Git | None = Field(None, description="Commit and push the report.")


class RetrainRunSpec(Strict):
    """What to retrain, how to measure it, and what to do with what passes."""

    model_config = {"json_schema_extra": validations(_QUORUM_RULE, _FILENAME_RULE)}

    symbols: tuple[Symbol, ...] = Field(
        min_length=1,
        max_length=64,
        description="What is trained: names such as BTC-USD, each with a model and a Job of its own.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    data: Data = Field(description="What the models learn from.")
    label: Label = Field(default=Label(), description="What is predicted.")
    split: Split = Field(default=Split(), description="Which bars train, validate and test.")
    model: Model = Field(default=Model(), description="The network.")
    training: Training = Field(default=Training(), description="How the weights are found.")
    evaluation: Evaluation = Field(default=Evaluation(), description="How a model is measured.")
    gate: Gate = Field(default=Gate(), description="What a model must show.")
    promotion: Promotion = Field(default=Promotion(), description="What happens to models that pass.")
    artifacts: Artifacts = Field(description="Where models, checkpoints and reports go.")
    backups: tuple[Backup, ...] = Field(
        (),
        max_length=8,
        description="More places that get a copy.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    report: Report = Field(default=Report(), description="Where else the report goes.")
    credentials: Credentials | None = Field(None, description="Credentials for data, artifacts and backups.")
    pods: Pods = Field(default=Pods(), description="Fields of the pods of all Jobs.")
    train: Train = Field(default=Train(), description="The training Jobs.")
    evaluate: Evaluate = Field(default=Evaluate(), description="The evaluation Job.")
    publish: Publish = Field(default=Publish(), description="The Jobs that report, promote and deliver.")
    preflight: Literal["Always", "Never"] = Field(
        "Always",
        description="Whether a small Job on the CPU looks at data and store before anything is trained, so that a wrong key or a "
        "missing file is told at once and not once a GPU is free.",
    )
    observation: Observation | None = Field(
        None,
        description="How promoted models are observed on the bars that close after their test; not at all when unset.",
    )
    notify: tuple[Notify, ...] = Field(
        (),
        max_length=8,
        description="Who is told what becomes of the run.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    parallelism: int | None = Field(
        None, ge=1, le=64, description="Symbols that train at the same time; all of them when unset."
    )
    job_ttl_seconds_after_finished: Seconds | None = Field(
        None,
        alias="jobTTLSecondsAfterFinished",
        description="Remove a child Job this long after its result is in the status; the run itself stays.",
    )
    suspend: bool = Field(
        False, description="Stop the work and keep what is done; when set back to false, the run continues from there."
    )

    @field_validator("symbols")
    @classmethod
    def _each_symbol_once(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        each_once(symbols)
        return symbols

    @field_validator("backups")
    @classmethod
    def _each_backup_once(cls, backups: tuple[Backup, ...]) -> tuple[Backup, ...]:
        each_once([backup.name for backup in backups])
        return backups

    @field_validator("notify")
    @classmethod
    def _each_receiver_once(cls, notify: tuple[Notify, ...]) -> tuple[Notify, ...]:
        each_once([receiver.name for receiver in notify])
        return notify

    @model_validator(mode="after")
    def _a_file_for_each_symbol(self) -> Self:
        if len(self.symbols) > 1 and "{symbol}" not in self.data.filename:
            raise FieldError(_FILENAME_RULE)
        return self

    @model_validator(mode="after")
    def _quorum_is_possible(self) -> Self:
        if self.gate.min_passed is not None and self.gate.min_passed > len(self.symbols):
            raise FieldError(_QUORUM_RULE)
        return self

    @property
    def question(self) -> Question:
        """What the models predict."""
        return Question.parse(self.data.interval, self.label.horizon_bars, self.label.ties)

    @property
    def windows(self) -> Windows:
        """Which rows are used, and how they become windows and parts."""
        return Windows(self.model.lookback_bars, self.split, duration(self.data.window))

    @property
    def required(self) -> int:
        """Models that must pass: gate.minPassed, or two thirds of the symbols rounded up (2 of 3, 3 of 4)."""
        return self.gate.min_passed or -(-2 * len(self.symbols) // 3)
