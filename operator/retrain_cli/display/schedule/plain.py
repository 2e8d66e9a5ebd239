"""Progress of `retrain schedule run` as plain lines; a live view has them above it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from retrain_api.formatting import headline
from retrain_api.run import RetrainRun
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_cli.display.observed import observed_lines
from retrain_cli.display.plain import Lines, PlainDisplay
from retrain_cli.display.summary import run_summary, trained_models
from retrain_client.local.executor import Display
from retrain_client.local.schedules.children import is_replay

from .text import minute, next_line


@dataclass
class SchedulePlain:
    """A line for each new state and each next slot of the schedule, and those of its runs after their slots."""

    out: Lines
    state: tuple[str, str] = ("", "")
    next: str | None = None
    current: RetrainScheduleStatus = field(default_factory=RetrainScheduleStatus)

    def run(self, run: RetrainRun) -> Display:
        """Its lines, each after its slot: several may be at work."""
        return PlainDisplay(Marked(self.out, f"{label(run)} | "), says_end=False, earlier=trained_models(run.status))

    def ended(self, run: RetrainRun) -> None:
        """A replay in a line, the run of a slot with its figures and what to do."""
        status = run.status
        if is_replay(run):
            line = headline(status.gate.summary) if status.gate else headline(status.message)
            self.say(f"{label(run)}: {status.state}{f', {line}' if line else ''}")
        else:
            self.say("\n".join(["", *run_summary(run.metadata.name, status), ""]))

    def looked(self, run: RetrainRun) -> None:
        """How its promoted models do."""
        self.say("\n".join([f"{run.metadata.name}:", *observed_lines(run.status.observation)]))

    def status(self, status: RetrainScheduleStatus) -> None:
        """A new state."""
        self.current = status
        if (status.state, status.message) != self.state:
            self.state = (status.state, status.message)
            self.say(f"{status.state}: {status.message}" if status.message else status.state)

    def say(self, text: str) -> None:
        """Print, and make it visible at once."""
        print(text, file=self.out, flush=True)

    def tick(self, now: datetime) -> None:
        """The next slot, once it is another one."""
        if self.current.next_time and self.current.next_time != self.next:
            self.next = self.current.next_time
            self.say(next_line(self.current, now))


@dataclass(frozen=True)
class Marked:
    """A text file that puts a mark before each line."""

    out: Lines
    mark: str

    def write(self, text: str) -> int:
        """Print whole lines; the newline that print() writes separately is left as it is."""
        lines = text.split("\n")
        self.out.write("\n".join(f"{self.mark}{line}" if line else line for line in lines))
        return len(text)

    def flush(self) -> None:
        """Make it visible at once."""
        self.out.flush()


def label(run: RetrainRun) -> str:
    """Which run is meant: its slot, and whether it is one of the past that is replayed."""
    slot = minute(run.spec.data.until) if run.spec.data.until else run.metadata.name
    return f"replay of {slot}" if is_replay(run) else slot
