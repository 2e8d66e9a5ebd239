"""Every failure the project names, and what its type means for a retry.

A task ends with the exit code of its error; the Job's pod failure policy and the plan read the same
numbers (sysexits.h where it has a fitting one), so the type alone decides: try again, go on later, or stop.

    NamedEnd                  exit  what happens then
    ├── RetrainError                an Exception: may be handled where something else can be done
    │   ├── ConfigurationError  64  fails: tried again only with another spec, pod fields, retry or rerun token
    │   ├── DataError           65  fails, as above
    │   ├── NotFoundError       66  fails, as above
    │   ├── CredentialsError    77  fails, as above
    │   ├── NoDeviceError       78  fails, as above
    │   ├── UnforeseenError     71  fails, as above; its task has tried once more by itself
    │   ├── StoreUnreachable    69  retries, counted against spec.<phase>.backoffLimit
    │   └── SoftwareError       70  retries, counted, as above
    │       └── Conflict        70  a conditional write lost (retrain_trainer.store); mostly caught, and written anew
    └── Interrupted             75  retries, not counted: the next start goes on from the checkpoint

"Fails" means that the symbol, or its whole phase, is Failed with the error's reason; the run goes on with what is left,
and is Failed itself, with condition Stalled, once `minPassed` can't be reached. Every reason is in retrain_api.reasons.

`Interrupted` is no Exception, as KeyboardInterrupt and asyncio.CancelledError are none. A request to stop arrives in the
middle of anything, a library's code included, and whoever handles a failure there must not take it for one: botocore
reported it as a broken connection and asked again, and a copy that was stopped counted as one that had failed.
"""

from __future__ import annotations

from typing import ClassVar


class NamedEnd(BaseException):
    """A way for a task to end without a result: one sentence for a person, and a CamelCase reason for machines.

    `exit_code` is what the task ends with; `retryable` says whether the same task may succeed later unchanged.
    """

    exit_code: ClassVar[int] = 70
    retryable: ClassVar[bool] = False

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RetrainError(NamedEnd, Exception):
    """A failure. Its message is for the person who can mend it."""


class ConfigurationError(RetrainError):
    """The run or the task asks for something that cannot be; only a changed spec helps."""

    exit_code = 64


class DataError(RetrainError):
    """The data is there and unusable, or not the data that was pinned."""

    exit_code = 65


class NotFoundError(RetrainError):
    """Data, model or bucket does not exist."""

    exit_code = 66


class StoreUnreachable(RetrainError):
    """The store gave no usable answer for minutes."""

    exit_code = 69
    retryable = True


class SoftwareError(RetrainError):
    """What may pass with another pod: a full disk, a GPU that failed, a killed process."""

    exit_code = 70
    retryable = True


class Interrupted(NamedEnd):
    """Stopped on request; all that was done is saved and the next start goes on from there. Not an Exception."""

    exit_code = 75
    retryable = True


class CredentialsError(RetrainError):
    """The store refused the credentials, or there are none."""

    exit_code = 77


class NoDeviceError(RetrainError):
    """A GPU was asked for and none is here."""

    exit_code = 78


class UnforeseenError(RetrainError):
    """A failure that has no name, so mostly a bug, which fails again. `retrain_trainer.tasks.entry` alone raises it."""

    exit_code = 71


ERRORS_BY_EXIT_CODE: dict[int, type[NamedEnd]] = {
    error.exit_code: error
    for error in (
        ConfigurationError,
        DataError,
        NotFoundError,
        StoreUnreachable,
        SoftwareError,
        Interrupted,
        CredentialsError,
        NoDeviceError,
        UnforeseenError,
    )
}
"""Which type an exit code stands for; a code not in here (137, 1) is a SoftwareError to its reader."""

PERMANENT_EXIT_CODES: tuple[int, ...] = tuple(
    code for code, error in sorted(ERRORS_BY_EXIT_CODE.items()) if not error.retryable
)
"""Exit codes after which the same task would fail again: 64, 65, 66, 71, 77, 78."""
