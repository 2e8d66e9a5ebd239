"""The notify command: tells one receiver one thing. Its URL is a secret, so no log, error or result has more of it than the scheme.

It has no store and no data: what is told stands in the task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.documents.results import NotifyResult
from retrain_api.documents.tasks import NotifyTask
from retrain_api.errors import ConfigurationError, RetrainError, SoftwareError
from retrain_api.names import NOTIFY_URL
from retrain_trainer.notify.answers import NOT_TAKEN, Answer
from retrain_trainer.notify.receiver import Message, Receiver
from retrain_trainer.notify.silence import silence

Log = Callable[[str], None]


@dataclass(frozen=True)
class Patience:
    """The pauses between the tries, and how long one may take, in seconds: below two minutes with all of them, the Job's deadline."""

    pauses: tuple[float, ...] = (5, 15)
    one_try: float = 30


def run(task: NotifyTask, environ: Mapping[str, str], log: Log, patience: Patience = Patience()) -> NotifyResult:
    """Tell it. Raises ConfigurationError("BadReceiver") for a wrong URL; "ReceiverFailed" where the message is not taken, as
    SoftwareError, and as ConfigurationError where it would not be taken later either.
    """
    silence()
    receiver = Receiver(environ.get(NOTIFY_URL, ""))
    message = Message(task.title, task.body, task.warning, task.fields)
    refusal = NOT_TAKEN
    for pause in (0, *patience.pauses):
        time.sleep(pause)
        answer = receiver.tell(message, patience.one_try)
        if answer is None:
            log(f"{task.receiver} was told ({receiver.scheme}://): {task.title}")
            return NotifyResult(key=task.key, scheme=receiver.scheme)
        refusal = answer
        log(f"{receiver.name} {answer.words}.")
        if answer.lasting:
            break
    raise _failed(receiver, refusal)


def _failed(receiver: Receiver, answer: Answer) -> RetrainError:
    kind = ConfigurationError if answer.lasting else SoftwareError
    tries = "" if answer.lasting else ", three times"
    return kind(reasons.RECEIVER_FAILED, f"{receiver.name} {answer.words}{tries}.")
