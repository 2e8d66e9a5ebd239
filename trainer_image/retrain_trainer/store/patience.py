"""Retries for failures that may pass by themselves, such as a busy server."""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from retrain_api import reasons
from retrain_api.errors import RetrainError, StoreUnreachable

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
HARDLY_CHANCE = 3
"""How often in a row a failure happens that is then taken for a lasting one, where it can be either."""

T = TypeVar("T")


class Temporary(Exception):
    """A failure that may pass by itself. Its text says briefly what was observed, and holds no secret.

    `lasting` is the error to raise where it happens again and again: bytes that differ from their checksum may have been
    damaged on the way, but hardly three times in a row.
    """

    def __init__(self, observed: str, lasting: RetrainError | None = None) -> None:
        super().__init__(observed)
        self.lasting = lasting


@dataclass(frozen=True)
class Patience:
    """How many seconds an attempt is repeated for. The clock and the sleep can be replaced in tests."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def retry(self, attempt: Callable[[], T], where: str) -> T:
        """Call `attempt` until it returns; `where` names the store in messages.

        Only Temporary is retried. Raises StoreUnreachable when attempts still fail after `seconds`, and a failure's
        `lasting` error after a few.
        """
        started, repeated = self.clock(), 0
        for tries in itertools.count():
            try:
                return attempt()
            except Temporary as failure:
                repeated = 0 if failure.lasting is None else repeated + 1
                if failure.lasting is not None and repeated >= HARDLY_CHANCE:
                    raise failure.lasting from failure
                waited = self.clock() - started
                if waited >= self.seconds:
                    raise StoreUnreachable(
                        reasons.STORE_UNREACHABLE,
                        f"{where} gave no usable answer for {waited:.0f} s: {failure}. "
                        "Check the endpoint and the network; finished work is kept.",
                    ) from failure
                pause = min(pause_seconds(tries), self.seconds - waited)
                log.warning("%s: %s; retrying in %.1f s", where, failure, pause)
            self.sleep(pause)
        raise AssertionError("unreachable")


def pause_seconds(tries: int) -> float:
    """Seconds to wait after `tries` earlier failures: doubled each time, with jitter of up to half.

    The jitter keeps tasks that failed together from retrying together.
    """
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 30))
    return longest * random.uniform(0.5, 1.0)
