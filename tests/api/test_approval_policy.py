"""manifests/approval on a real API server: who may answer a run, and in whose name; for whom a schedule makes runs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import retrain
from support.control_plane import ApiRefusal, ControlPlane
from support.operator_process import until
from support.planning import run_document

SHIPPED = Path(__file__).resolve().parents[2] / "manifests" / "approval"
NAME = "improved-lstm"
DIGEST = "0123456789abcdef"
VERBS = ("approve", "reject", "override")
EDIT = ["get", "list", "create", "update", "patch"]
GROUP = "retrain.crpbot.dev"


def account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def answer(verb: str, value: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {f"{GROUP}/{verb}": value}}}


def path(namespace: str, name: str = "") -> str:
    return f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/retrainruns" + (f"/{name}" if name else "")


def document(**annotations: str) -> dict[str, Any]:
    kept = {f"{GROUP}/{verb}": value for verb, value in annotations.items()}
    return run_document() | {"metadata": {"name": NAME, "annotations": kept}}


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """With the policy in force, for as long as these tests run: others answer in any name."""
    control_plane.kubectl("apply", "--server-side", "-k", str(SHIPPED))
    space = f"guard-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", space)

    def refused() -> bool:
        try:
            control_plane.request("POST", f"{path(space)}?dryRun=All", document(approve="nonsense"))
        except ApiRefusal as refusal:
            return refusal.status == 403
        return False

    until(refused)
    yield control_plane
    control_plane.kubectl("delete", "-k", str(SHIPPED))
    until(lambda: not refused())
    control_plane.kubectl("delete", "namespace", space, "--wait=false")


@pytest.fixture
def people(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """`ann` may edit and approve runs of the namespace, `eve` may only edit them, `tim` approves one run by name."""
    rights = {"ann": [{"verbs": [*EDIT, "approve"]}], "eve": [{"verbs": EDIT}]}
    rights["tim"] = [{"verbs": EDIT}, {"verbs": ["approve"], "resourceNames": [NAME]}]
    for name, rules in rights.items():
        plane.kubectl("-n", namespace, "create", "serviceaccount", name)
        whole = [{"apiGroups": [GROUP], "resources": ["retrainruns"], **rule} for rule in rules]
        meta = {"name": name, "namespace": namespace}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": whole}
        plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(role))
        bound = ["rolebinding", name, f"--role={name}", f"--serviceaccount={namespace}:{name}"]
        plane.kubectl("-n", namespace, "create", *bound)
    return {name: account(namespace, name) for name in rights}


@pytest.fixture
def run(plane: ControlPlane, namespace: str, people: dict[str, str]) -> dict[str, Any]:
    return plane.request("POST", path(namespace), document(), user=people["eve"])  # type: ignore[no-any-return]


def say(plane: ControlPlane, namespace: str, user: str, change: dict[str, Any]) -> None:
    plane.request("PATCH", path(namespace, NAME), change, user=user, kind="merge-patch+json")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("verb", VERBS)
def test_the_verb_approve_is_needed(plane: ControlPlane, namespace: str, people: dict[str, str], verb: str) -> None:
    eve = people["eve"]
    with pytest.raises(ApiRefusal) as caught:
        say(plane, namespace, eve, answer(verb, f"{DIGEST} by {eve}: why not"))
    assert caught.value.status == 403
    said = f"{eve} may not set {GROUP}/{verb}: that needs the verb approve on this RetrainRun"
    assert said in caught.value.message
    for name in ("ann", "tim"):
        say(plane, namespace, people[name], answer(verb, f"{DIGEST} by {people[name]}: looks right"))


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "value",
    [
        "{digest} by Ann: looks right",
        "{digest} by {eve}: looks right",
        "{digest} by {ann}x: looks right",
        "{digest} by {ann}",
        "{digest} by {ann}:  ",
        "{digest}",
        "latest by {ann}: looks right",
        " {digest} by {ann}: looks right",
        "{digest} by Bob: x by {ann}: looks right",
    ],
)
def test_an_answer_is_signed_by_whoever_gives_it(
    plane: ControlPlane, namespace: str, people: dict[str, str], value: str
) -> None:
    with pytest.raises(ApiRefusal) as caught:
        say(plane, namespace, people["ann"], answer("approve", value.format(digest=DIGEST, **people)))
    assert caught.value.status == 403
    assert f"must read 'DIGEST by {people['ann']}: REASON'" in caught.value.message


def test_a_new_run_is_guarded_like_an_old_one(plane: ControlPlane, namespace: str, people: dict[str, str]) -> None:
    for verb in VERBS:
        given = document(**{verb: f"{DIGEST} by {people['eve']}: born approved"})
        with pytest.raises(ApiRefusal, match="needs the verb approve"):
            plane.request("POST", path(namespace), given, user=people["eve"])
    given = document(approve=f"{DIGEST} by {people['ann']}: looks right")
    plane.request("POST", path(namespace), given, user=people["ann"])


@pytest.mark.usefixtures("run")
def test_an_answer_that_stands_may_be_kept_and_taken_away_by_anybody(
    plane: ControlPlane, namespace: str, people: dict[str, str]
) -> None:
    """GitOps tools apply again what a person has answered, and suspend, rerun or edit it."""
    signed = f"{DIGEST} by {people['ann']}: looks right"
    say(plane, namespace, people["ann"], answer("approve", signed))
    eve = people["eve"]
    say(plane, namespace, eve, answer("approve", signed))
    say(plane, namespace, eve, answer("rerun", "token"))
    say(plane, namespace, eve, {"spec": {"suspend": True}})
    with pytest.raises(ApiRefusal, match="needs the verb approve"):
        say(plane, namespace, eve, answer("approve", signed + " indeed"))
    say(plane, namespace, eve, answer("approve", ""))
    say(plane, namespace, eve, answer("approve", None))
    with pytest.raises(ApiRefusal, match="needs the verb approve"):
        say(plane, namespace, eve, answer("approve", signed))


@pytest.mark.usefixtures("run")
def test_a_file_applied_again_from_git_keeps_the_answer(
    plane: ControlPlane, namespace: str, people: dict[str, str]
) -> None:
    signed = f"{DIGEST} by {people['ann']}: looks right"
    say(plane, namespace, people["ann"], answer("approve", signed))
    file = yaml.safe_dump(run_document() | {"metadata": {"name": NAME, "namespace": namespace}})
    for _ in range(2):
        done = ("apply", "--server-side", "--force-conflicts", "-f", "-")
        plane.kubectl(*done, user=people["eve"], input=file)
    kept = plane.request("GET", path(namespace, NAME))["metadata"]["annotations"]
    assert kept[f"{GROUP}/approve"] == signed


@pytest.mark.usefixtures("run")
def test_who_impersonates_signs_with_the_name_that_counts(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl(
        *(
            "-n",
            namespace,
            "create",
            "rolebinding",
            "approvers",
            "--clusterrole=retrain-approver",
            "--user=ann@example.org",
        )
    )
    words = ("-n", namespace, "annotate", "--as=ann@example.org", f"retrainrun/{NAME}")
    done = plane.kubectl(*words, f"{GROUP}/approve={DIGEST} by admin: looks right", check=False)
    assert "must read 'DIGEST by ann@example.org: REASON'" in done.stderr
    plane.kubectl(*words, f"{GROUP}/approve={DIGEST} by ann@example.org: looks right")


@pytest.mark.usefixtures("run")
def test_a_name_that_could_be_read_otherwise_signs_nothing(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl("-n", namespace, "create", "rolebinding", "odd", "--clusterrole=retrain-approver", "--user=ann: a")
    words = ("-n", namespace, "annotate", "--as=ann: a", f"retrainrun/{NAME}")
    done = plane.kubectl(*words, f"{GROUP}/approve={DIGEST} by ann: a: looks right", check=False)
    assert done.returncode == 1 and "must read" in done.stderr


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_argo_cd_answers_once_its_account_may(plane: ControlPlane, namespace: str, verb: str) -> None:
    """What the shipped action writes is what the policy asks for of the account that Argo CD acts with."""
    script = (SHIPPED.parent / "argocd" / "actions" / f"{verb}.lua").read_text()
    signature = re.search(r'digest \.\. "( by .*: )\w+ in Argo CD at "', script)
    assert signature is not None
    plane.request("POST", path(namespace), document())
    user = "system:serviceaccount:argocd:argocd-server"
    words = ("-n", namespace, "annotate", f"--as={user}", f"retrainrun/{NAME}")
    value = f"{GROUP}/{verb}={DIGEST}{signature[1]}answered in Argo CD at 2026-01-05"
    editor = ("create", "role", "editor", "--verb=get,patch", "--resource=retrainruns.retrain.crpbot.dev")
    plane.kubectl("-n", namespace, *editor)
    plane.kubectl("-n", namespace, "create", "rolebinding", "editor", "--role=editor", f"--user={user}")
    assert "needs the verb approve" in plane.kubectl(*words, value, check=False).stderr
    plane.kubectl("-n", namespace, "create", "rolebinding", "argo", "--clusterrole=retrain-approver", f"--user={user}")
    plane.kubectl(*words, value)


@pytest.mark.usefixtures("run")
def test_the_command_line_signs_as_the_policy_asks(
    plane: ControlPlane, namespace: str, people: dict[str, str], tmp_path: Path
) -> None:
    gate = {"verdict": "Pass", "passed": 1, "required": 1, "total": 1, "outcome": "Ideal", "summary": "1 of 1 passes"}
    waits = {"state": "AwaitingApproval", "observedGeneration": 1, "gate": gate | {"digest": DIGEST}}
    plane.request("PATCH", f"{path(namespace, NAME)}/status", {"status": waits}, kind="merge-patch+json")
    words = ("approve", NAME, "-n", namespace, "--reason", "looks right")
    refused = retrain(plane, tmp_path, people["eve"], *words)
    assert refused.returncode == 1 and "that needs the verb approve on this RetrainRun" in refused.stderr
    done = retrain(plane, tmp_path, people["ann"], *words)
    assert (done.returncode, done.stderr) == (0, "")
    kept = plane.request("GET", path(namespace, NAME))["metadata"]["annotations"]
    assert kept[f"{GROUP}/approve"] == f"{DIGEST} by {people['ann']}: looks right"


def schedules(namespace: str, name: str = "") -> str:
    return f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/retrainschedules" + (f"/{name}" if name else "")


def schedule() -> dict[str, Any]:
    spec = {"schedule": "0 3 * * 6", "runTemplate": {"spec": run_document()["spec"]}}
    return run_document() | {"kind": "RetrainSchedule", "metadata": {"name": NAME}, "spec": spec}


@pytest.fixture
def planners(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """Both may write schedules of the namespace: `bob` may create runs in it, `mia` in another one alone."""
    edit = {"apiGroups": [GROUP], "resources": ["retrainschedules"], "verbs": [*EDIT, "delete"]}
    make = {"apiGroups": [GROUP], "resources": ["retrainruns"], "verbs": ["create"]}
    elsewhere = f"{namespace}-too"
    plane.kubectl("create", "namespace", elsewhere)
    roles = [("bob", namespace, [edit, make]), ("mia", namespace, [edit]), ("mia", elsewhere, [edit, make])]
    for name in ("bob", "mia"):
        plane.kubectl("-n", namespace, "create", "serviceaccount", name)
    for name, space, rules in roles:
        meta = {"name": f"plans-{name}", "namespace": space}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules}
        plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(role))
        bound = ["rolebinding", f"plans-{name}", f"--role=plans-{name}", f"--serviceaccount={namespace}:{name}"]
        plane.kubectl("-n", space, "create", *bound)
    return {name: account(namespace, name) for name in ("bob", "mia")}


MAKES_RUNS: dict[str, dict[str, Any]] = {
    "another template": {"spec": {"runTemplate": {"spec": {"artifacts": {"uri": "s3://elsewhere/"}}}}},
    "another time": {"spec": {"schedule": "@hourly"}},
    "a suspension": {"spec": {"suspend": True}},
    "a trigger": {"metadata": {"annotations": {f"{GROUP}/trigger": "now"}}},
    "a way out of a pause": {"metadata": {"annotations": {f"{GROUP}/resume": "now"}}},
}
MAKES_NONE: dict[str, dict[str, Any]] = {
    "a label": {"metadata": {"labels": {"team": "alpha"}}},
    "a note": {"metadata": {"annotations": {"note": "x"}}},
    "a finalizer, as the garbage collector takes one away": {"metadata": {"finalizers": ["example.org/x"]}},
    "no token": {"metadata": {"annotations": {f"{GROUP}/trigger": ""}}},
    "the same spec": {"spec": {"schedule": "0 3 * * 6"}},
}


def write(plane: ControlPlane, namespace: str, user: str, change: dict[str, Any]) -> None:
    plane.request("PATCH", schedules(namespace, NAME), change, user=user, kind="merge-patch+json")


def test_a_schedule_makes_no_runs_for_who_may_make_none(
    plane: ControlPlane, namespace: str, planners: dict[str, str]
) -> None:
    with pytest.raises(ApiRefusal) as caught:
        plane.request("POST", schedules(namespace), schedule(), user=planners["mia"])
    assert caught.value.status == 403
    said = f"that needs the verb create on retrainruns in namespace {namespace}"
    assert (
        f"{planners['mia']} may not write this RetrainSchedule: it makes RetrainRuns, and {said}"
        in caught.value.message
    )
    plane.request("POST", schedules(f"{namespace}-too"), schedule(), user=planners["mia"])
    plane.request("POST", schedules(namespace), schedule(), user=planners["bob"])


@pytest.mark.parametrize("change", MAKES_RUNS.values(), ids=MAKES_RUNS)
def test_a_change_that_makes_other_runs_needs_the_right_to_make_them(
    plane: ControlPlane, namespace: str, planners: dict[str, str], change: dict[str, Any]
) -> None:
    plane.request("POST", schedules(namespace), schedule(), user=planners["bob"])
    with pytest.raises(ApiRefusal, match="needs the verb create on retrainruns"):
        write(plane, namespace, planners["mia"], change)
    write(plane, namespace, planners["bob"], change)


@pytest.mark.parametrize("change", MAKES_NONE.values(), ids=MAKES_NONE)
def test_a_change_that_makes_no_run_needs_no_right_to_make_one(
    plane: ControlPlane, namespace: str, planners: dict[str, str], change: dict[str, Any]
) -> None:
    plane.request("POST", schedules(namespace), schedule(), user=planners["bob"])
    write(plane, namespace, planners["mia"], change)


@pytest.mark.parametrize("cascade", ["foreground", "background", "orphan"])
def test_a_schedule_can_be_deleted_in_every_way(
    plane: ControlPlane, namespace: str, planners: dict[str, str], cascade: str
) -> None:
    plane.request("POST", schedules(namespace), schedule(), user=planners["bob"])
    where = ("-n", namespace, f"retrainschedule/{NAME}")
    plane.kubectl("delete", *where, f"--cascade={cascade}", "--timeout=60s", user=planners["mia"])


def test_a_template_can_not_approve_for_its_runs(plane: ControlPlane, namespace: str, planners: dict[str, str]) -> None:
    given = schedule()
    signed = f"{DIGEST} by {planners['bob']}: every week"
    given["spec"]["runTemplate"]["metadata"] = {"annotations": {f"{GROUP}/approve": signed}}
    with pytest.raises(ApiRefusal, match="are a person's answers and tokens to one run") as caught:
        plane.request("POST", schedules(namespace), given, user=planners["bob"])
    assert caught.value.status == 422
