"""What every decision about a run is made from: the run, its Jobs, the time, and what the operator's owner allows.

The clock and the settings are inputs here as well. A decision that asked for the time itself could not be repeated,
and could not be tested without waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from retrain_api.run import RetrainRun
from retrain_operator.state.view import RunView


@dataclass(frozen=True)
class Settings:
    """What the operator's owner decides."""

    default_image: str = "retrain-trainer:latest"
    evaluator_image: str = ""
    """Image of all Jobs but trainings, whatever a run asks for; empty where a run may choose."""
    allowed_images: tuple[str, ...] = ()
    """Patterns (* and ?) of images that a run may ask for; empty where it may ask for any."""
    looks: bool = True
    """Whether promoted models are looked at; `retrain run` on a laptop leaves that to other commands."""

    def allows(self, image: str) -> bool:
        """Whether Jobs may run this image. Images that the owner configured are always allowed."""
        configured = (self.default_image, self.evaluator_image)
        return (
            not self.allowed_images
            or image in configured
            or any(fnmatchcase(image, pattern) for pattern in self.allowed_images)
        )


@dataclass(frozen=True)
class Context:
    """Everything that a decision may depend on. `now` is an aware UTC time."""

    run: RetrainRun
    view: RunView
    now: datetime
    image: str
    evaluator_image: str = ""
    as_of: str | None = None
    """The time as of which work learns that begins now: that of the work under way, or the clock's."""
    looks: bool = True

    @property
    def judging_image(self) -> str:
        """Image of the Jobs that measure and promote; the operator's owner may pin it."""
        return self.evaluator_image or self.image
