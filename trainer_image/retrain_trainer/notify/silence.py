"""Turns off the logs of the libraries that know the receiver's URL: at the level debug they print its token."""

from __future__ import annotations

import logging

LIBRARIES = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")


def silence() -> None:
    """Let these libraries log nothing in this process, whatever its level is."""
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        # A module's own logger may have a level of its own; where it finds no handler on its way, Python prints warnings.
        logger.handlers = [logging.NullHandler()]
