"""A wrong key, mended outside the run: what failed is tried again, and the Jobs that succeeded stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import retrain
from support.containers import Fate
from support.fates import Fates, fails, succeeds
from support.life import NAME, Life
from support.results import trained

REFUSED = "The store refuses the key."
TOKEN = "retrain.crpbot.dev/retry"


class Key:
    """The key in a Secret, as the store takes it; `users` are the tasks that need it."""

    def __init__(self, *users: str) -> None:
        self.users, self.right = users, False

    def __call__(self, subject: Any) -> Fate | None:
        who = getattr(subject, "symbol", None) or subject.kind
        return fails(77, "CredentialsRefused", REFUSED) if who in self.users and not self.right else None


def uids(life: Life) -> dict[str, str]:
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in life.jobs()}


def started(life: Life) -> list[str]:
    found = life.kubelet.fate
    assert isinstance(found, Fates)
    return found.started


def annotated(life: Life, folder: Path) -> str:
    return life.plane.kubectl(
        "-n", life.namespace, "annotate", "retrainrun", NAME, f"{TOKEN}=1764288000", "--overwrite"
    ).stdout


def commanded(life: Life, folder: Path) -> str:
    done = retrain(life.plane, folder, "admin", "retry", NAME, "-n", life.namespace)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("retry", [annotated, commanded], ids=["kubectl annotate", "retrain retry"])
def test_a_symbol_whose_key_was_wrong_is_trained_again_alone(life: Life, tmp_path: Path, retry: Any) -> None:
    key = Key("ETH-USD")
    life.kubelet.fate = Fates(train=key)
    life.create(gate={"minPassed": 3, "whenUnreachable": "Continue"})
    failed = life.ends("Failed")
    assert [entry["state"] for entry in failed["symbols"]] == ["Evaluated", "Failed", "Evaluated"]
    before, done = uids(life), list(started(life))
    key.right = True
    said = retry(life, tmp_path)
    if retry is commanded:
        assert f"  ETH-USD: training failed (CredentialsRefused): {REFUSED}\n" in said
    ended = life.ends("Promoted")
    assert started(life)[len(done) :] == ["train ETH-USD", "evaluate ETH-USD", "publish"]
    assert uids(life).items() >= before.items(), "every Job of before is still the same one"
    assert ended["promoted"] == "BTC-USD,ETH-USD,SOL-USD"


def test_a_report_that_could_not_be_written_is_written_without_another_training(life: Life, tmp_path: Path) -> None:
    key = Key("publish")
    life.kubelet.fate = Fates(publish=key)
    life.create()
    assert life.ends("Failed")["message"] == f"CredentialsRefused: {REFUSED}"
    before, done = uids(life), list(started(life))
    key.right = True
    assert f"report and promotion failed: CredentialsRefused: {REFUSED}" in commanded(life, tmp_path)
    life.ends("Promoted")
    assert started(life)[len(done) :] == ["publish"]
    assert uids(life).items() >= before.items()


def test_the_token_of_the_command_has_a_field_manager_of_its_own(life: Life, tmp_path: Path) -> None:
    """Flux takes back what kubectl wrote, and leaves alone what others did."""
    life.kubelet.fate = Fates(train=Key("BTC-USD", "ETH-USD", "SOL-USD"))
    life.create()
    life.ends("Failed")
    commanded(life, tmp_path)
    owners = {
        entry["manager"]
        for entry in life.runs.get(NAME)["metadata"]["managedFields"]
        if f"f:{TOKEN}" in entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})
    }
    assert owners == {"retrain-retry"}


def test_a_finished_run_is_trained_anew_by_a_command(life: Life, tmp_path: Path) -> None:
    life.create(symbols=["BTC-USD"])
    before = life.ends("Promoted")
    done = retrain(life.plane, tmp_path, "admin", "rerun", NAME, "-n", life.namespace, "--token", "tonight")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME} is trained anew. The operator acts on it: ")
    after = life.until(lambda status: status.get("lastHandledRerun") == "tonight" and status["state"] == "Promoted")
    assert after["symbols"][0]["trainKey"] != before["symbols"][0]["trainKey"]


def test_runs_of_a_cluster_are_listed_and_shown(life: Life, tmp_path: Path) -> None:
    life.create(symbols=["BTC-USD"])
    life.ends("Promoted")
    listed = retrain(
        life.plane, tmp_path, "admin", "ls", "-n", life.namespace, "--kubeconfig", str(life.plane.kubeconfig("admin"))
    )
    assert listed.stdout.splitlines()[1].split()[:4] == [life.namespace, NAME, "Promoted", "1/1"]
    shown = retrain(life.plane, tmp_path, "admin", "status", NAME, "-n", life.namespace)
    assert shown.stdout.startswith(f"{NAME}: Promoted\n  BTC-USD: Pass   accuracy ")


def test_the_logs_of_pods_are_printed_by_the_name_of_the_run(life: Life, tmp_path: Path) -> None:
    def logs(*more: str) -> tuple[int, str, str]:
        said = retrain(life.plane, tmp_path, "admin", "logs", NAME, *more, "-n", life.namespace)
        return said.returncode, said.stdout, said.stderr

    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), log=(f"WARNING {task.symbol} has 3 gaps",)))
    life.create(symbols=["BTC-USD", "ETH-USD"])
    life.ends("Promoted")
    assert logs("BTC-USD", "--phase", "train") == (0, "WARNING BTC-USD has 3 gaps\n", "")
    both = "".join(f"[{symbol}] WARNING {symbol} has 3 gaps\n" for symbol in ("BTC-USD", "ETH-USD"))
    assert logs("--phase", "train") == (0, both, "")
    assert logs("BTC-USD") == (0, "", f"{NAME} wrote nothing in the phase evaluate.\n")
    assert logs("BTC-USDT")[2] == f"retrain: {NAME} has no symbol BTC-USDT; did you mean BTC-USD?\n"
    life.plane.kubectl("-n", life.namespace, "delete", "pods", "--all", "--wait=true")
    assert logs() == (
        1,
        "",
        f"retrain: There is no log of {NAME}: it is gone. `retrain status {NAME}` says what became of it.\n",
    )


def test_where_nothing_failed_nothing_is_written(life: Life, tmp_path: Path) -> None:
    life.create()
    life.ends("Promoted")
    before = life.runs.get(NAME)
    done = retrain(life.plane, tmp_path, "admin", "retry", NAME, "-n", life.namespace)
    assert done.returncode == 2
    assert done.stderr == f"retrain: {NAME} has nothing to retry: nothing failed; its state is Promoted.\n"
    assert life.runs.get(NAME) == before
