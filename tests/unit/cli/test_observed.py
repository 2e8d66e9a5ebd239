"""How promoted models do, as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import RetrainRunStatus
from retrain_cli.commands.runs.observe import exit_code
from retrain_cli.display.observed import observed_lines
from retrain_cli.display.summary import closing

TIME = "2026-11-28T03:00:00Z"
BITCOIN = {"symbol": "BTC-USD", "state": "Decaying", "bars": 12345, "accuracy": 0.551, "promised": 0.71, "wealth": 47.2}
ETHER = {"symbol": "ETH-USD", "state": "NoNewBars", "message": "has no new bars: the newest closed at 03:00"}


def observation(**fields: Any) -> ObservationStatus:
    return ObservationStatus.model_validate(fields)


def test_nothing_is_said_of_a_run_that_is_not_observed() -> None:
    assert observed_lines(None) == []


def test_before_the_first_look_there_are_no_figures() -> None:
    before = observation(
        state="Observing", since=TIME, message="They are looked at for the first time.", symbols=[BITCOIN]
    )
    assert observed_lines(before) == ["Observed: nobody has looked yet."]


def test_each_model_has_what_it_promised_and_how_it_does_beside_the_alarms_line() -> None:
    found = observation(state="Decaying", lastTime=TIME, message="It fell.", symbols=[BITCOIN, ETHER])
    assert observed_lines(found) == [
        "Observed: Decaying, last looked at 2026-11-28 03:00 UTC",
        "  SYMBOL   STATE      BARS    RIGHT   PROMISED  WEALTH",
        "  BTC-USD  Decaying   12,345  55.1 %  71 %      47 of 40",
        "  ETH-USD  NoNewBars  0",
        "  It fell.",
        "  ETH-USD has no new bars: the newest closed at 03:00.",
    ]


@pytest.mark.parametrize(
    ("wealth", "shown"),
    [(1.0, "1 of 20"), (0.0123, "0.012 of 20"), (1234.5, "1,234 of 20"), (1e300, "999,999,999 of 20"), (None, "")],
)
def test_wealth_is_short_whatever_it_is(wealth: float | None, shown: str) -> None:
    lines = observed_lines(observation(symbols=[BITCOIN | {"wealth": wealth}], lastTime=TIME))
    assert lines[2].endswith(shown or "71 %")


CODES = {
    "Observing": 0,
    "Holding": 0,
    "Held": 0,
    "BelowPromise": 0,
    "Superseded": 0,
    "Unobserved": 1,
    "Decaying": 3,
    "NoNewBars": 4,
    "NotMeasurable": 4,
    "Suspended": 4,
}


@pytest.mark.parametrize(("state", "code"), CODES.items())
def test_the_exit_code_says_what_came_of_a_look(state: str, code: int) -> None:
    assert exit_code(RetrainRunStatus(observation=observation(state=state))) == code
    assert exit_code(RetrainRunStatus()) == 0


def test_the_status_of_a_run_shows_it_and_who_could_not_be_told() -> None:
    condition = {"type": "Notified", "status": "False", "reason": "NotTold", "message": "phone could not be told."}
    condition["lastTransitionTime"] = TIME
    status = RetrainRunStatus.model_validate(
        {"state": "Promoted", "observation": {"state": "Holding"}, "conditions": [condition]}
    )
    lines = closing("nightly", status)
    assert "Observed: Holding" in lines and "phone could not be told." in lines
