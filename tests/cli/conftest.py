"""Tests of the command line: real processes from one end to the other, the trainer's work alone is scripted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.local_run import LocalRun


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalRun]:
    """A run of one symbol that passes and is promoted."""
    run = LocalRun(tmp_path)
    yield run
    run.clean_up()
