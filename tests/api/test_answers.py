"""`retrain approve` and `retrain reject` against a real API server and operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import retrain
from support.fates import Fates, measured, succeeds
from support.life import NAME, Life

from retrain_api.errors import SoftwareError
from retrain_client.cluster.connection import Cluster
from retrain_client.cluster.run import ClusterRun

MANUAL = {"policy": "Manual"}


@pytest.fixture
def user(life: Life) -> str:
    """A service account that may answer runs of the namespace."""
    life.plane.kubectl("-n", life.namespace, "create", "serviceaccount", "ann")
    rule = ("--verb=get,patch,approve", "--resource=retrainruns.retrain.crpbot.dev")
    life.plane.kubectl("-n", life.namespace, "create", "role", "approver", *rule)
    bound = ("--role=approver", f"--serviceaccount={life.namespace}:ann")
    life.plane.kubectl("-n", life.namespace, "create", "rolebinding", "approver", *bound)
    return f"system:serviceaccount:{life.namespace}:ann"


def failing(item: Any) -> Any:
    result = measured(item)
    metrics = result.measurement.metrics.model_copy(update={"accuracy": 0.6})
    return succeeds(
        result.model_copy(update={"measurement": result.measurement.model_copy(update={"metrics": metrics})})
    )


def test_what_is_approved_is_promoted_in_the_name_that_the_server_knows(life: Life, tmp_path: Path, user: str) -> None:
    life.create(promotion=MANUAL)
    life.ends("AwaitingApproval")
    said = retrain(life.plane, tmp_path, user, "approve", NAME, "-n", life.namespace, "--reason", "looks right")
    assert (said.returncode, said.stderr) == (0, "")
    assert f"Approved by {user}: looks right. The operator acts on it: kubectl -n {life.namespace}" in said.stdout
    assert life.ends("Promoted")["promotion"]["by"] == f"{user}: looks right"


def test_what_is_rejected_is_declined(life: Life, tmp_path: Path, user: str) -> None:
    life.create(promotion=MANUAL)
    life.ends("AwaitingApproval")
    assert retrain(life.plane, tmp_path, user, "reject", NAME, "-n", life.namespace, "--reason", "no").returncode == 0
    assert life.ends("Rejected")["promotion"]["by"] == f"{user}: no"


def test_an_override_promotes_what_fails_and_is_an_event(life: Life, tmp_path: Path, user: str) -> None:
    life.kubelet.fate = Fates(evaluate=failing)
    life.create()
    life.ends("Rejected")
    words = ("approve", NAME, "-n", life.namespace, "--reason", "a trial")
    assert "--override" in retrain(life.plane, tmp_path, user, *words).stderr
    said = retrain(life.plane, tmp_path, user, *words, "--override")
    assert said.returncode == 0, said.stderr
    status = life.ends("Promoted")
    assert status["promotion"]["override"] is True
    assert status["message"].startswith(
        f"BTC-USD, ETH-USD, SOL-USD promoted by override, not by the gate: {user}: a trial. "
    )
    life.until(lambda _: "PromotedByOverride" in {event["reason"] for event in life.runs.events(NAME)})


@pytest.mark.parametrize(
    ("name", "who", "said"),
    [
        ("nothing", "ann", 'retrainruns.retrain.crpbot.dev "nothing" not found.'),
        (NAME, "someone", 'User "someone" cannot get resource "retrainruns"'),
    ],
)
def test_what_the_server_refuses_is_one_sentence(
    life: Life, tmp_path: Path, user: str, name: str, who: str, said: str
) -> None:
    life.create(suspend=True)
    account = user if who == "ann" else who
    words = ("approve", name, "-n", life.namespace, "--reason", "looks right")
    done = retrain(life.plane, tmp_path, account, *words)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
    assert "was found in .retrain" in done.stderr, "it says where it looked first"


def test_a_judgement_that_changed_meanwhile_is_not_answered(life: Life, user: str) -> None:
    life.create(promotion=MANUAL)
    life.ends("AwaitingApproval")
    found = ClusterRun(Cluster(life.plane.kubeconfig(user)), life.runs.get(NAME))
    value = f"{found.status.gate and found.status.gate.digest} by {user}: looks right"
    life.runs.annotate(NAME, note="another writer, the same judgement")
    found.annotate("retrain.crpbot.dev/approve", value)
    life.ends("Promoted")
    life.change(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.5}]})
    life.ends("AwaitingApproval")
    with pytest.raises(SoftwareError, match="has changed in the meantime; look at it again"):
        found.annotate("retrain.crpbot.dev/approve", value)
