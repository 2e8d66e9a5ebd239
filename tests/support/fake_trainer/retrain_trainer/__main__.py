"""`python -m retrain_trainer KIND`, with the real one's documents, log lines and exit codes, and a script for the rest.

All lies in the folder of the artifacts: `script.json` says what each symbol (or phase) does, `journal.jsonl` gets a
line for each thing done, `epochs-SYMBOL` is the checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.results import INTERRUPTED, measured, published, trained

from retrain_api.documents.encoding import decode_task, encode_message
from retrain_api.documents.results import Looked, NotifyResult, ObserveResult, PreflightResult, Refusal, TaskFailure
from retrain_api.documents.tasks import EvaluateTask, NotifyTask, ObserveTask, PreflightTask, PublishTask, TrainTask

TASK = decode_task(os.environ["RETRAIN_TASK"])
WORLD = Path(urlsplit(TASK.artifacts_uri).path)
INDEX = int(os.environ["JOB_COMPLETION_INDEX"])
WHO = (
    TASK.symbol if isinstance(TASK, TrainTask) else f"evaluate {INDEX}" if isinstance(TASK, EvaluateTask) else TASK.kind
)
SCRIPT: dict[str, Any] = json.loads((WORLD / "script.json").read_text()).get(WHO, {})
JOURNAL = WORLD / "journal.jsonl"


def note(what: str, **more: Any) -> None:
    line = json.dumps({"who": WHO, "what": what, "pid": os.getpid(), **more}) + "\n"
    with JOURNAL.open("a") as file:
        file.write(line)


def starts() -> int:
    lines = map(json.loads, JOURNAL.read_text().splitlines()) if JOURNAL.exists() else []
    return sum(line["who"] == WHO and line["what"] == "start" for line in lines)


def leave(message: str) -> None:
    Path(os.environ["RETRAIN_TERMINATION_LOG"]).write_text(message)


def stop(*_: object) -> None:
    note("stopped")
    while SCRIPT.get("saves") == "slowly" and not (WORLD / "go").exists():
        time.sleep(0.02)
    leave(INTERRUPTED)
    os._exit(75)


def hold(place: str) -> None:
    """Wait where the script says so, until the test lets go."""
    if SCRIPT.get("hold") == place and not (WORLD / "go").exists():
        note("holds")
        while not (WORLD / "go").exists():
            time.sleep(0.02)


def preflight(task: PreflightTask) -> None:
    refused = [
        Refusal(symbol=symbol, reason=reason, message="Scripted.", skipped=reason == "NoNewBars")
        for symbol, reason in SCRIPT.get("refuses", {}).items()
    ]
    leave(encode_message(PreflightResult(preflight_key=task.preflight_key, refused=tuple(refused))))


def train(task: TrainTask) -> None:
    checkpoint, epochs = WORLD / f"epochs-{WHO}", SCRIPT.get("epochs", 2)
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for epoch in range(done + 1, epochs + 1):
        print(f"Progress: epoch={epoch} epochs={epochs} windows=50/100 rate=456.1")
        hold(f"epoch {epoch}")
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        note("epoch", epoch=epoch)
        print(f"Epoch {epoch}/{epochs}: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000")
        checkpoint.write_text(str(epoch))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    result = trained(task).model_copy(update={"duration_seconds": 672.0, "resumed_epochs": done})
    leave(encode_message(result))


def evaluate(task: EvaluateTask) -> None:
    leave(encode_message(measured(task.items[INDEX], accuracy=SCRIPT.get("accuracy", 0.71))))


def publish(task: PublishTask) -> None:
    note("publishes", number=task.number, promotes=[item.symbol for item in task.items if item.promote and item.model])
    leave(encode_message(published(task, f"{task.artifacts_uri}reports/")))


def observe(task: ObserveTask) -> None:
    """Each model is that of the run, right in seven of ten bars; the script says otherwise, `of` one run alone where it is given."""
    finds = SCRIPT.get("finds", {}) if SCRIPT.get("of") in (None, task.run.name) else {}
    note("looks", as_of=task.as_of, symbols=[item.symbol for item in task.items_of(INDEX)])
    seen = {
        "run": task.run.uid,
        "bars": 500,
        "accuracy": 0.7,
        "promised": 0.71,
        "newest": task.as_of,
        "days_to_see": 3.0,
    }
    found = [
        Looked(symbol=item.symbol, **{"model": item.model or "0" * 64} | seen | finds) for item in task.items_of(INDEX)
    ]
    leave(encode_message(ObserveResult(observe_key=task.observe_key, symbols=tuple(found))))


def notify(task: NotifyTask) -> None:
    note("tells", receiver=task.receiver, title=task.title, url=os.environ.get("RETRAIN_NOTIFY_URL"))
    leave(encode_message(NotifyResult(key=task.key, scheme="json")))


def main() -> int:
    attempt = starts()
    names = ("OMP_NUM_THREADS", "RETRAIN_PROGRESS", "PYTHONUNBUFFERED", *SCRIPT.get("shows", ()))
    note("start", environment={name: os.environ.get(name) for name in names})
    signal.signal(signal.SIGTERM, signal.SIG_IGN if SCRIPT.get("deaf") else stop)
    hold("start")
    for line in SCRIPT.get("says", ()):
        print(line)
    code = dict(enumerate(SCRIPT.get("codes", ()))).get(attempt, 0)
    if code < 0:
        os.kill(os.getpid(), -code)
    if code:
        leave(encode_message(TaskFailure(reason="Scripted", message=f"Ends with {code}.")))
        return int(code)
    if isinstance(TASK, PreflightTask):
        preflight(TASK)
    elif isinstance(TASK, TrainTask):
        train(TASK)
    elif isinstance(TASK, EvaluateTask):
        evaluate(TASK)
    elif isinstance(TASK, PublishTask):
        publish(TASK)
    elif isinstance(TASK, ObserveTask):
        observe(TASK)
    elif isinstance(TASK, NotifyTask):
        notify(TASK)
    note("done")
    return 0


sys.exit(main())
