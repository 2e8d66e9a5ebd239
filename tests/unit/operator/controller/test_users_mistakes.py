"""What a user caused is told in the status of the run, and is no error of the operator; what is the operator's stays one."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable

import pytest
from support.fake_api import internal_error, invalid, quota_exceeded, too_many
from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import KEY

from retrain_api.run import parse_run
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.controller.controller import Controller
from retrain_operator.controller.metrics import Metrics
from retrain_operator.controller.settings import read
from retrain_operator.kube.api import ApiError
from retrain_operator.kube.resync import prime

NO_RIGHT = 'jobs.batch is forbidden: User "operator" cannot create resource "jobs" in API group "batch"'
LABEL = "metadata.labels: Invalid value: must be no more than 63 characters"
POLICY = "ValidatingAdmissionPolicy 'labels' with binding 'labels' denied request: every Job needs a cost centre"
WEBHOOK = 'admission webhook "policy.example" denied the request: images must be signed'
ENDING = "unable to create new content in namespace team because it is being terminated"
UNKNOWN = 'jobs.batch "x" is forbidden: status unknown for quota: limit, resources: count/jobs.batch'

Case = tuple[str, ApiError, str, str]
USERS: list[Case] = [
    ("a quota", quota_exceeded("x"), "Queued", "QuotaExceeded"),
    ("a quota that was only just made", ApiError(403, "Forbidden", UNKNOWN), "Queued", "QuotaExceeded"),
    ("a namespace that is being deleted", ApiError(403, "Forbidden", ENDING), "Queued", "Forbidden"),
    ("a value", invalid("x"), "Failed", "Invalid"),
    ("a label", ApiError(422, "Invalid", LABEL), "Failed", "Invalid"),
    ("a value of another type", ApiError(400, "BadRequest", "json: cannot unmarshal"), "Failed", "Invalid"),
    ("a policy", ApiError(403, "Forbidden", POLICY), "Failed", "Forbidden"),
    ("a webhook with a code of its own", ApiError(418, "", WEBHOOK), "Failed", "Forbidden"),
    ("a webhook that says Conflict", ApiError(409, "Conflict", WEBHOOK), "Failed", "Forbidden"),
]
OPERATORS = [
    ("a right it lacks", ApiError(403, "Forbidden", NO_RIGHT), "403"),
    ("an API server in trouble", internal_error(), "500"),
    ("an API server that is busy", too_many(), "429"),
]


class Led:
    """A replica that leads, beside an API server that answers every creation of a Job with `error`."""

    def __init__(self, error: ApiError) -> None:
        self.cluster, self.metrics = FakeCluster(), Metrics()
        self.cluster.put(run_document(parallelism=1))
        self.cluster.fault = lambda request: error if request.verb == "create" and request.resource == "jobs" else None
        settings = read(["--lease-namespace", "own", "--progress-reads-per-second", "0"], {})
        self.controller = Controller(self.cluster, settings, self.metrics, lambda: True)  # type: ignore[arg-type]

    def until(self, holds: Callable[[], bool]) -> None:
        """Lead until it holds, and a little longer: a failure would be counted after the status is written."""
        asyncio.run(self._until(holds))

    async def _until(self, holds: Callable[[], bool]) -> None:
        await prime(self.cluster, self.controller.cache, ())  # type: ignore[arg-type]
        self.controller.primed = True
        leading = asyncio.create_task(self.controller.lead())
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)
        leading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leading

    def status(self) -> RetrainRunStatus:
        """As it is stored."""
        (body,) = self.cluster.of("retrainruns")
        return parse_run(body).status

    def entry(self) -> tuple[str, str | None]:
        """State and reason of the run's first symbol."""
        entry = self.status().symbol("BTC-USD")
        return entry.state, entry.reason

    def tries(self) -> int:
        return sum(request.verb == "create" and request.resource == "jobs" for request in self.cluster.asked)

    def errors(self) -> dict[str, float]:
        """The reconcile errors of each kind."""
        lines = re.findall(r'^retrain_reconcile_errors_total{kind="(\w+)"} (\S+)$', self.rendered(), re.MULTILINE)
        return {kind: float(value) for kind, value in lines if float(value)}

    def rendered(self) -> str:
        return self.metrics.render().decode()


@pytest.mark.parametrize(("error", "state", "reason"), [case[1:] for case in USERS], ids=[case[0] for case in USERS])
def test_what_the_user_caused_is_in_the_status_and_no_error_of_the_operator(
    error: ApiError, state: str, reason: str
) -> None:
    led = Led(error)
    led.until(lambda: led.entry() == (state, reason))
    assert led.errors() == {}
    assert error.message[:40] in (led.status().symbol("BTC-USD").message or "")


def test_what_will_pass_is_tried_again_and_what_will_not_is_not() -> None:
    quota, value = Led(quota_exceeded("x")), Led(invalid("x"))
    quota.until(lambda: quota.tries() > 2)
    assert quota.errors() == {}
    value.until(lambda: value.status().state == "Failed")
    assert value.tries() == 2, "after two of three the quorum is out of reach"


@pytest.mark.parametrize(("error", "kind"), [case[1:] for case in OPERATORS], ids=[case[0] for case in OPERATORS])
def test_what_is_the_operators_or_the_servers_stays_an_error(error: ApiError, kind: str) -> None:
    led = Led(error)
    led.until(lambda: bool(led.errors()))
    assert set(led.errors()) == {kind}


def test_of_two_refusals_that_of_the_server_is_the_one_that_counts() -> None:
    led = Led(quota_exceeded("x"))
    led.cluster.edit(
        f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{KEY[0]}/retrainruns/{KEY[1]}", {"spec": {"parallelism": 3}}
    )
    faults = iter([quota_exceeded("x"), internal_error()])
    led.cluster.fault = lambda request: next(faults, None) if request.verb == "create" else None
    led.until(lambda: len(led.cluster.jobs()) == 3)
    assert led.errors() == {"500": 1.0}
