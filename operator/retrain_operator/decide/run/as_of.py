"""As of when a run's work learns: one time for all symbols and phases, taken from the plan's clock once and then remembered.

Symbols train at different moments, on nodes with clocks of their own, and some are tried again days later. If each took the
time for itself, a retry would learn from other bars than the training that it repeats, and symbols that are judged together
would be measured on different ones. A new time is taken with a new train key, which a new rerun token makes too. A symbol that is
added to a run joins its work, so it learns as of the same time: whoever wants newer bars wants them for all symbols, with a
rerun token.
"""

from __future__ import annotations

from retrain_api.keys import train_key
from retrain_api.names import LABEL_PHASE
from retrain_api.run import RetrainRun
from retrain_operator.state.effects import Steps


def as_of_work(run: RetrainRun) -> str | None:
    """The time of the work under way, as the status remembers it; None before its first training, and in work of earlier releases."""
    known = (entry for entry in run.status.symbols if entry.symbol in run.spec.symbols)
    same = any(entry.train_key == train_key(run.spec, entry.symbol, run.rerun) for entry in known)
    return run.status.as_of if same else None


def begins(steps: Steps) -> bool:
    """Whether a training is created. A preflight may wait for bars, which are to be learnt from; what comes later goes by the
    data of the training.
    """
    return any(job["metadata"]["labels"][LABEL_PHASE] == "train" for job in steps.create)
