"""Every derived name: Jobs, labels, files in the store. They are deterministic, so that nothing is made twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

GROUP = "retrain.crpbot.dev"
VERSION = "v1alpha1"
KIND = "RetrainRun"
PLURAL = "retrainruns"
SCHEDULE_KIND = "RetrainSchedule"
SCHEDULE_PLURAL = "retrainschedules"
RUN_SHORT = "rtr"
SCHEDULE_SHORT = "rts"

LABEL_PHASE = f"{GROUP}/phase"
LABEL_SYMBOL = f"{GROUP}/symbol"
LABEL_RUN = f"{GROUP}/run"
ANNOTATION_KEY = f"{GROUP}/key"
ANNOTATION_TEMPLATE = f"{GROUP}/template"
ANNOTATION_QUEUE = f"{GROUP}/queue"
ANNOTATION_RERUN = f"{GROUP}/rerun"
ANNOTATION_RETRY = f"{GROUP}/retry"
ANNOTATION_APPROVE = f"{GROUP}/approve"
ANNOTATION_REJECT = f"{GROUP}/reject"
ANNOTATION_OVERRIDE = f"{GROUP}/override"

LABEL_SCHEDULE = f"{GROUP}/schedule"
"""Of a run: the name of the schedule that made it."""
ANNOTATION_TRIGGER = f"{GROUP}/trigger"
"""Of a schedule: a token that makes one run now."""
ANNOTATION_RESUME = f"{GROUP}/resume"
"""Of a schedule: a token that ends a pause."""

LABEL_CPU_QUEUE = f"{GROUP}/cpu-queue"
"""Of a run: the queue of all its Jobs but trainings. A queue that covers GPUs alone never admits a Job that asks for none."""

QUEUE_LABELS = ("kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class")
"""Labels that a run's Jobs take over from it: a queue reads them."""

NOTIFY_URL = "RETRAIN_NOTIFY_URL"
"""Environment variable of a notify task: the receiver's Apprise URL, from its Secret."""

CONTAINER = "trainer"
"""The container of a Job's pods that carries out the task."""

RESULT_FILE = "result.json"
"""In the folder of its train key: the result of a finished training."""

PIN_FILE = "data.json"
"""In the folder of its train key: which rows of which file a training began with."""

EVALUATION_FILE = "evaluation.json"
"""In the folder of its evaluate key: curves, intervals, equity."""

TRADES_FILE = "trades.csv"
"""In the folder of a report: every trade of the backtests, one row each."""

PREDICTIONS_FILE = "predictions.parquet"
"""Beside the evaluation file: every test bar with what the model made of it, from which all figures follow."""

NAME_LIMIT = 63
"""Longest Job name: its pods carry it as a label value (longer ones are refused)."""


def job_queue(labels: Mapping[str, str], phase: str) -> dict[str, str]:
    """The labels that a Job of a phase takes over from its run, whose `labels` these are."""
    own = {name: labels[name] for name in QUEUE_LABELS if name in labels}
    cpu = None if phase == "train" else labels.get(LABEL_CPU_QUEUE)
    return own | ({QUEUE_LABELS[0]: cpu} if cpu else {})


def queue_labels(labels: Mapping[str, str]) -> str:
    """Where a Job queues, as its annotation says it. The labels of the Job itself may be those that Kueue gave it."""
    return ",".join(f"{name}={labels[name]}" for name in QUEUE_LABELS if name in labels)


def short_hash(*parts: str, length: int = 8) -> str:
    """Hex digest of the parts, with a separator between them."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def job_name(run: str, phase: str, symbol: str | None, key: str, template: str, indexes: int | None = None) -> str:
    """Name of a Job, at most 63 characters: run, phase, symbol and a hash of key and template.

    A Job's name has no dots: its pods carry it as their host name. Those of an Indexed Job, one of `indexes`, carry
    NAME-INDEX, so that its own name has to leave room for the last index. The run's part is cut where necessary; the hash covers all parts in full, so two names never collide.
    """
    limit = NAME_LIMIT - (0 if indexes is None else len(f"-{max(indexes - 1, 0)}"))
    tail = "-".join(
        filter(
            None, [phase, (symbol or "").lower().replace(".", "-"), short_hash(run, phase, symbol or "", key, template)]
        )
    )
    head = run[: limit - len(tail) - 1].replace(".", "-").rstrip("-")
    return f"{head}-{tail}"


def slot_run(schedule: str, slot: datetime) -> str:
    """Name of the run that a schedule makes for a slot: every-saturday-202611280300, in UTC."""
    return f"{schedule}-{_minute(slot)}"


def triggered_run(schedule: str, time: datetime) -> str:
    """Name of the run that a person's trigger makes: every-saturday-20261128091705. With seconds, so that no slot's run has it."""
    return f"{schedule}-{time.astimezone(UTC):%Y%m%d%H%M%S}"


def replay_run(schedule: str, proof: str, slot: datetime) -> str:
    """Name of the replay of a past slot, in the proof of that key: every-saturday-wf-1a2b3c-202611140300."""
    return f"{schedule}-wf-{proof[:6]}-{_minute(slot)}"


def decay_run(schedule: str, model: str) -> str:
    """Name of the run that a schedule makes because a model decays: every-saturday-decay-1a2b3c4d, by its sha256."""
    return f"{schedule}-decay-{model[:8]}"


def observed_folder(symbol: str, sha256: str) -> str:
    """Folder of the judged blocks of a promoted model, one file for each look; ends in a slash."""
    return f"observed/{symbol}/{sha256[:16]}/"


def backfill_run(schedule: str, key: str, slot: datetime) -> str:
    """Name of a past slot's run in a backfill of the recipe of that key: every-saturday-bf-1a2b3c-202611140300."""
    return f"{schedule}-bf-{key[:6]}-{_minute(slot)}"


def backfill_folder(namespace: str, schedule: str, key: str) -> str:
    """Folder of what the models of a backfill answered on later bars; ends in a slash."""
    return f"backfills/{namespace}/{schedule}/{key}/"


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y%m%d%H%M}"


def label_value(text: str) -> str:
    """`text` as a label value: at most 63 characters, cut and hashed where longer."""
    return text if len(text) <= NAME_LIMIT else f"{text[:54].rstrip('-.')}-{short_hash(text)}"


def file_symbol(symbol: str) -> str:
    """A symbol in a file name: BTC-USD is BTC_USD, and BRK.B stays BRK.B, so that no two symbols share a name."""
    return symbol.replace("-", "_")


def model_file(symbol: str, interval: str, sha256: str) -> str:
    """lstm_BTC_USD_1m_<first 8 hex digits of the file's sha256>.pt"""
    return f"lstm_{file_symbol(symbol)}_{interval}_{sha256[:8]}.pt"


def validation_file(sha256: str) -> str:
    """In the folder of its train key: what a model answered on its validation bars."""
    return f"validation-{sha256[:12]}.npy"


def card_file(model: str) -> str:
    """The model card beside a model file."""
    return re.sub(r"\.pt$", ".json", model)


def promoted_pointer(symbol: str) -> str:
    """Key of the pointer a trading service reads."""
    return f"promoted/{symbol}.json"


def judged_folder(symbol: str) -> str:
    """Folder of the files that record which models were judged on which test bars; ends in a slash."""
    return f"judged/{symbol}/"


def pins_folder(symbol: str) -> str:
    """Folder of the files that record which rows trainings began with; ends in a slash."""
    return f"pins/{symbol}/"


def pin_file(symbol: str, as_of: str, sha256: str) -> str:
    """Key of one of them: pins/BTC-USD/20261128T120000Z-<first 16 hex digits of its own sha256>.

    By its time it sorts as text; by its digits two trainings as of one time, on other columns say, are two files.
    """
    moment = datetime.fromisoformat(as_of).astimezone(UTC)
    return f"{pins_folder(symbol)}{moment:%Y%m%dT%H%M%SZ}-{sha256[:16]}"


def run_folder(namespace: str, name: str, uid: str, key: str) -> str:
    """Folder of a key's checkpoints and result; ends in a slash."""
    return f"{runs_folder(namespace, name)}{uid}/{key}/"


def runs_folder(namespace: str, name: str) -> str:
    """Folder of all runs that ever had this name, one below it for each UID; ends in a slash."""
    return f"runs/{namespace}/{name}/"


def report_folder(namespace: str, name: str, uid: str, number: int) -> str:
    """Folder of a report; ends in a slash."""
    return f"reports/{namespace}/{name}/{uid}/{number}/"


def file_name(uri: str) -> str:
    """The last part of a location."""
    return uri.rsplit("/", 1)[-1]


def folder(uri: str) -> str:
    """`uri` with exactly one slash at its end."""
    scheme, mark, place = uri.partition("://")
    return f"{scheme}{mark}{place.rstrip('/')}/"


def data_file_uri(data_uri: str, filename: str, symbol: str, interval: str) -> str:
    """Full location of a symbol's feature file."""
    return folder(data_uri) + filename.replace("{symbol}", symbol).replace("{interval}", interval)


def backup_purpose(name: str) -> str:
    """Purpose of a backup's credentials; prefixed, because a backup may itself be named artifacts."""
    return f"backup-{name}"


def credential_prefix(purpose: str) -> str:
    """Prefix of the AWS_* variables of one purpose (data, artifacts, or a `backup_purpose`) beside the run's own."""
    return "RETRAIN_" + re.sub(r"[^A-Z0-9]", "_", purpose.upper()) + "_"
