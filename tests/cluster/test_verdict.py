"""From kubectl apply to a promoted model, and through the loss of the operator's leader in every phase."""

from __future__ import annotations

import hashlib
import json

from support.kind_cluster import BUCKET, SYSTEM, until
from support.team import FEATURES, FILES, LONG, SYMBOLS, Team, secret

RCLONE = """[offsite]
type = s3
provider = Other
force_path_style = true
endpoint = {AWS_ENDPOINT_URL}
access_key_id = {AWS_ACCESS_KEY_ID}
secret_access_key = {AWS_SECRET_ACCESS_KEY}
"""


def test_three_symbols_from_apply_to_promotion_by_kubectl_alone(team: Team) -> None:
    team.apply()
    team.kubectl("wait", "retrainrun/run", "--for=condition=Finished", "--timeout=300s")
    status = team.status()
    assert status["state"] == "Promoted", status
    assert "Ready=True" in "".join(f"{one['type']}={one['status']} " for one in status["conditions"])
    columns = team.kubectl("get", "retrainrun", "run", "--no-headers").split()
    assert columns[1:5] == ["Promoted", "3/3", "3/3", "Pass"]
    what_was_promoted_is_what_was_measured(team, status)
    its_report_is_there(team, status)
    pods_are_restricted(team)


def what_was_promoted_is_what_was_measured(team: Team, status: dict) -> None:
    for entry in status["symbols"]:
        pointer = json.loads(team.store.read(f"{team.namespace}/promoted/{entry['symbol']}.json"))
        assert pointer["model"]["sha256"] == entry["result"]["model"]["sha256"]
        assert hashlib.sha256(team.store.read(pointer["model"]["uri"])).hexdigest() == pointer["model"]["sha256"]
        data = team.store.read(f"{FEATURES}/candles_{entry['symbol']}_5m.parquet")
        # A status has room for the first half of the digits.
        assert hashlib.sha256(data).hexdigest()[:32] == entry["result"]["data"]["sha256"]


def its_report_is_there(team: Team, status: dict) -> None:
    for form in ("markdown", "html"):
        report = team.store.read(status["report"][form]).decode()
        assert all(symbol in report for symbol in SYMBOLS)
        assert "Pass" in report


def pods_are_restricted(team: Team) -> None:
    for pod in team.cluster.items("pods", team.namespace):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert not any("projected" in volume for volume in pod["spec"]["volumes"])
        assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    for job in team.jobs():
        # What the API server would warn of, were a person to apply it.
        job |= {"status": {}, "metadata": {"name": "again", "namespace": team.namespace}}
        job["spec"].pop("selector", None)
        job["spec"]["template"]["metadata"] = {}
        said = team.cluster.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(job))[1]
        assert said == ""


def test_the_leader_is_deleted_in_every_phase_and_nothing_is_done_twice(team: Team) -> None:
    team.apply(training={**LONG, "epochs": 25})
    for state in ("Training", "Evaluating", "Publishing"):
        team.ends(state)
        leader = until(team.cluster.leader)
        team.cluster.kubectl("delete", "pod", leader, "-n", SYSTEM, "--wait=false")
        until(lambda gone=leader: team.cluster.leader() not in ("", gone))
    status = team.ends("Promoted")
    assert status["trained"] == "3/3"
    assert len(team.jobs()) == 5
    assert [len(team.pods(phase)) for phase in ("train", "evaluate", "publish")] == [3, 3, 1]


def test_data_come_from_an_rclone_remote_and_a_copy_goes_to_one(team: Team) -> None:
    team.apply_any(secret(team.namespace, "rclone", {"rclone.conf": RCLONE.format(**team.store.keys)}))
    remote = {"credentials": {"rcloneConfigSecretName": "rclone"}}
    team.apply(
        symbols=[SYMBOLS[0]],
        data={"uri": f"rclone://offsite/{BUCKET}/{FEATURES}/", **FILES, **remote},
        backups=[{"name": "offsite", "uri": f"rclone://offsite/{BUCKET}/{team.namespace}-copy/", **remote}],
    )
    status = team.ends("Promoted")
    conditions = {one["type"]: one["status"] for one in status["conditions"]}
    assert conditions["BackedUp"] == "True", status
    promoted = status["promotion"]["models"][0]["uri"]
    copy = promoted.replace(f"/{team.namespace}/", f"/{team.namespace}-copy/")
    assert team.store.read(copy) == team.store.read(promoted)
