"""What every kind of test may use."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """`require(condition, reason)`: skips the test with the reason unless the condition holds.

    With RETRAIN_REQUIRE_ALL=1, as where everything is known to be there, it fails the test instead: a test that
    silently stops running protects nothing.
    """

    def check(condition: object, reason: str) -> None:
        if condition:
            return
        if os.environ.get("RETRAIN_REQUIRE_ALL") == "1":
            pytest.fail(f"RETRAIN_REQUIRE_ALL=1, but: {reason}")
        pytest.skip(reason)

    return check
