"""What every kind of test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.git_server import GitServer, git

# No test asserts on time, and neither does hypothesis for us: on a busy machine it refused to go on because making
# examples took seconds.
settings.register_profile("whatever-the-time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whatever-the-time")


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


@pytest.fixture
def git_server(tmp_path: Path, require: Callable[[object, str], None]) -> Iterator[GitServer]:
    """A Git server over HTTP that asks for a token; it has no repository yet."""
    require(shutil.which("git"), "git is not installed")
    require(Path(git("--exec-path"), "git-http-backend").exists(), "git http-backend is not installed")
    found = GitServer(tmp_path / "served")
    running = found.start()
    yield found
    running.shutdown()
    running.server_close()


@pytest.fixture
def rclone(require: Callable[[object, str], None]) -> None:
    require(shutil.which("rclone"), "rclone is not installed")
