"""Every reason there is, once: a module for each subject, one flat namespace for whoever needs a reason.

    from retrain_api import reasons
    raise DataError(reasons.NOT_SORTED, "...")

A reason is part of the API, so its word never changes. `make generate` writes the tables of docs/troubleshooting.md and
docs/schedules.md from here, and tests/unit/api/test_reasons.py refuses a reason that is spelled out elsewhere and one that nothing uses.
"""

from . import (
    command_line,
    data,
    delivery,
    imports,
    jobs,
    model,
    nodes,
    observation,
    progress,
    rejected,
    run,
    schedule,
    store,
    task,
    waits,
)
from .command_line import *  # noqa: F403
from .data import *  # noqa: F403
from .delivery import *  # noqa: F403
from .imports import *  # noqa: F403
from .jobs import *  # noqa: F403
from .model import *  # noqa: F403
from .nodes import *  # noqa: F403
from .observation import *  # noqa: F403
from .progress import *  # noqa: F403
from .reason import Polarity as Polarity
from .reason import Reason as Reason
from .rejected import *  # noqa: F403
from .run import *  # noqa: F403
from .schedule import *  # noqa: F403
from .store import *  # noqa: F403
from .task import *  # noqa: F403
from .waits import *  # noqa: F403

ALL: tuple[Reason, ...] = tuple(
    value
    for subject in (
        progress,
        waits,
        jobs,
        nodes,
        run,
        schedule,
        rejected,
        task,
        data,
        model,
        store,
        delivery,
        observation,
        command_line,
        imports,
    )
    for value in vars(subject).values()
    if isinstance(value, Reason)
)
"""Each subject's reasons, in the order of its module."""
