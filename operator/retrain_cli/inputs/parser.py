"""The parser of the command line: argparse, with this project's sentences for what it refuses.

argparse prints its usage before a sentence, fifteen lines for `retrain import`, so that the sentence is what is overlooked.
"""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from retrain_api import reasons
from retrain_api.errors import ConfigurationError


class Parser(argparse.ArgumentParser):
    """Raises ConfigurationError("BadOptions") where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """For what is missing, or can't be read."""
        needs = message.replace("the following arguments are required:", f"{self.prog} needs", 1)
        raise ConfigurationError(reasons.BAD_OPTIONS, f"{needs}; `{self.prog} --help` shows how it is used.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        from difflib import get_close_matches

        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        close = get_close_matches(str(value), known, n=1)
        either = " or ".join(filter(None, [", ".join(known[:-1]), known[-1]]))
        hint = f"did you mean {close[0]}?" if close else f"write {either}."
        name = "/".join(action.option_strings) or f"{self.prog} {action.metavar or action.dest}"
        raise ConfigurationError(reasons.BAD_OPTIONS, f"{name} can't be {value}; {hint}")
