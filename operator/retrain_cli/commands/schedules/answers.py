"""`retrain schedule trigger` and `resume`: a token that a schedule acts upon once."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from retrain_api.names import ANNOTATION_RESUME, ANNOTATION_TRIGGER
from retrain_cli.inputs.run_arguments import add_schedule_arguments, named_schedule
from retrain_client.handle import new_token


@dataclass(frozen=True)
class Answer:
    """A token of a schedule. `done` is what is said once it is set."""

    annotation: str
    description: str
    done: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """What the command takes."""
        parser.description = self.description
        add_schedule_arguments(parser)
        parser.add_argument("--token", help="any text, such as a date: each is acted upon once")

    def run(self, args: argparse.Namespace) -> int:
        """Set the token. Raises what `named_schedule` and `ScheduleHandle.annotate` raise."""
        found = named_schedule(args)
        found.annotate(self.annotation, args.token or new_token())
        print(f"{self.done.format(name=found.name)} {found.next_step()}")
        return 0


TRIGGER = Answer(
    ANNOTATION_TRIGGER,
    "Makes one run now, beside those of the clock. Where a run is at work it waits for that one, and where the schedule is "
    "not proven yet, for the proof.",
    "{name} makes one run now.",
)
RESUME = Answer(
    ANNOTATION_RESUME,
    "Goes on with a schedule that is Paused because too many of its runs failed one after the other. Mend the cause first.",
    "{name} goes on.",
)
