"""What tests of the trainer share: how many threads torch has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

# Two threads within products as small as a test's wait for each other far longer than they compute: one training here took 33 s of
# processor time with two and 1.7 s with one. Threads change no bit; tests of that, and of stopping, set their own number.
torch.set_num_threads(1)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads, on a machine with one processor too."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
