"""Every name that is derived: Jobs, labels, files in the store. Deterministic, so that nothing is made twice."""

from __future__ import annotations

import hashlib
import re

GROUP = "retrain.crpbot.dev"
VERSION = "v1alpha1"
KIND = "RetrainRun"
PLURAL = "retrainruns"

LABEL_PHASE = f"{GROUP}/phase"
LABEL_SYMBOL = f"{GROUP}/symbol"
LABEL_RUN = f"{GROUP}/run"
ANNOTATION_KEY = f"{GROUP}/key"
ANNOTATION_TEMPLATE = f"{GROUP}/template"
ANNOTATION_RERUN = f"{GROUP}/rerun"
ANNOTATION_APPROVE = f"{GROUP}/approve"
ANNOTATION_REJECT = f"{GROUP}/reject"
ANNOTATION_OVERRIDE = f"{GROUP}/override"

EVALUATION_FILE = "evaluation.json"
"""In the folder of its evaluate key: curves, intervals, equity."""

NAME_LIMIT = 63
"""Longest Job name: its pods carry it as a label value (longer ones are refused)."""


def short_hash(*parts: str, length: int = 8) -> str:
    """Hex digest of the parts, each set off from the next."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def job_name(run: str, phase: str, symbol: str | None, key: str, template: str) -> str:
    """Name of a Job, at most 63 characters: run, phase, symbol and a hash of key and template.

    The run's part is cut where it must be; the hash takes in the whole of everything, so two names never meet.
    """
    tail = "-".join(
        filter(None, [phase, symbol.lower() if symbol else "", short_hash(run, phase, symbol or "", key, template)])
    )
    head = run[: NAME_LIMIT - len(tail) - 1].replace(".", "-").rstrip("-")
    return f"{head}-{tail}"


def label_value(text: str) -> str:
    """`text` as a label value: at most 63 characters, cut and hashed where longer."""
    return text if len(text) <= NAME_LIMIT else f"{text[:54].rstrip('-.')}-{short_hash(text)}"


def file_symbol(symbol: str) -> str:
    """A symbol in a file name: BTC-USD is BTC_USD."""
    return symbol.replace("-", "_")


def model_file(symbol: str, interval: str, sha256: str) -> str:
    """lstm_BTC_USD_1m_<first 8 hex digits of the file's sha256>.pt"""
    return f"lstm_{file_symbol(symbol)}_{interval}_{sha256[:8]}.pt"


def card_file(model: str) -> str:
    """The model card beside a model file."""
    return re.sub(r"\.pt$", ".json", model)


def promoted_pointer(symbol: str) -> str:
    """Key of the pointer a trading service reads."""
    return f"promoted/{symbol}.json"


def judged_folder(symbol: str) -> str:
    """Folder of the files that say which models were judged on which test bars; ends in a slash."""
    return f"judged/{symbol}/"


def run_folder(namespace: str, name: str, uid: str, key: str) -> str:
    """Folder of a key's checkpoints and result; ends in a slash."""
    return f"runs/{namespace}/{name}/{uid}/{key}/"


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
    """Purpose of a backup's credentials; a backup may be named artifacts and is not mistaken for them."""
    return f"backup-{name}"


def credential_prefix(purpose: str) -> str:
    """Prefix of the AWS_* variables of one purpose (data, artifacts, or a `backup_purpose`) beside the run's own."""
    return "RETRAIN_" + re.sub(r"[^A-Z0-9]", "_", purpose.upper()) + "_"
