"""Job manifests: what the API server, a restricted namespace and Kueue ask of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support.planning import Cluster, task_of

from retrain_api.errors import ERRORS_BY_EXIT_CODE
from retrain_api.names import LABEL_PHASE
from retrain_api.run import RetrainRun
from retrain_api.status.run import PromotedModel
from retrain_operator.manifests import jobs
from retrain_operator.manifests.jobs import failed_key, name_of, phase_spec, template_key
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.manifests.tasks import notify_task, observe_task
from retrain_operator.state.view import PhaseName

WORK: tuple[PhaseName, ...] = ("train", "evaluate", "publish", "deliver")
STORES: tuple[PhaseName, ...] = (*WORK, "observe")
PHASES: tuple[PhaseName, ...] = (*STORES, "notify")
OPS = {"name": "ops", "secretName": "for-ops"}
TO_OPS = notify_key("ops", "3-Promoted")
BACKUP = {"name": "vault", "uri": "s3://vault/"}
IMAGE = "retrain-trainer:latest"


def manifests(labels: dict[str, str] | None = None, name: str | None = None, **spec: Any) -> dict[str, dict[str, Any]]:
    """One manifest of each phase."""
    cluster = Cluster.of(**({"backups": [BACKUP], "notify": [OPS]} | spec))
    metadata = cluster.run.metadata.model_copy(update={"labels": labels or {}, **({"name": name} if name else {})})
    cluster.run = cluster.run.model_copy(update={"metadata": metadata})
    cluster.to_the_end()
    found: dict[str, dict[str, Any]] = {}
    for manifest in cluster.manifests.values():
        found.setdefault(manifest["metadata"]["labels"]["retrain.crpbot.dev/phase"], manifest)
    found["observe"], found["notify"] = look(cluster.run), notice(cluster.run)
    assert set(found) == set(PHASES)
    return found


def look(run: RetrainRun) -> dict[str, Any]:
    """The Job that looks at the run's promoted models."""
    models = [PromotedModel(symbol=symbol, uri=f"s3://bucket/{symbol}.pt") for symbol in run.spec.symbols]
    task = observe_task(run, models, "look", "2026-11-28T03:00:00Z")
    return jobs.manifest(run, task, "look", run.spec.pods.image or IMAGE)


def notice(run: RetrainRun, receiver: str = "ops") -> dict[str, Any]:
    """The Job that tells a receiver that the run was promoted."""
    task = notify_task(run, receiver, "3-Promoted", "improved-lstm: Promoted", "3 of 3 pass.", {"state": "Promoted"})
    return jobs.manifest(run, task, notify_key(receiver, "3-Promoted"), run.spec.pods.image or IMAGE)


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (one,) = pod(manifest)["containers"]
    return dict(one)


def env(manifest: dict[str, Any]) -> dict[str, Any]:
    entries = container(manifest)["env"]
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in entries}


@pytest.fixture(scope="module")
def plain() -> dict[str, dict[str, Any]]:
    return manifests()


@pytest.mark.parametrize("phase", PHASES)
def test_a_restricted_namespace_takes_the_pods(plain: Any, phase: str) -> None:
    spec = pod(plain[phase])
    assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(plain[phase])["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & spec.keys()
    assert {"name": "retrain-scratch", "mountPath": "/tmp"} in container(plain[phase])["volumeMounts"]


@pytest.mark.parametrize("phase", PHASES)
def test_the_owner_is_the_run_and_blocks_nothing(plain: Any, phase: str) -> None:
    assert plain[phase]["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "retrain.crpbot.dev/v1alpha1",
            "kind": "RetrainRun",
            "name": "improved-lstm",
            "uid": "uid-1",
            "controller": True,
        }
    ]
    assert plain[phase]["metadata"]["namespace"] == "team"


@pytest.mark.parametrize("phase", PHASES)
def test_the_command_and_the_task(plain: Any, phase: str) -> None:
    one = container(plain[phase])
    assert one["command"] == ["python", "-m", "retrain_trainer", phase] and one["image"] == IMAGE
    assert task_of(plain[phase]).kind == phase
    assert pod(plain[phase])["restartPolicy"] == "Never" and one["terminationMessagePolicy"] == "File"


@pytest.mark.parametrize("phase", PHASES)
def test_exit_codes_mean_what_the_errors_say(plain: Any, phase: str) -> None:
    permanent, interrupted, disrupted = plain[phase]["spec"]["podFailurePolicy"]["rules"]
    assert permanent["action"] == ("FailIndex" if phase in ("evaluate", "observe") else "FailJob")
    assert permanent["onExitCodes"] == {
        "containerName": "trainer",
        "operator": "In",
        "values": [64, 65, 66, 71, 77, 78],
    }
    assert (interrupted["action"], interrupted["onExitCodes"]["values"]) == ("Ignore", [75])
    assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    retried = set(ERRORS_BY_EXIT_CODE) - {64, 65, 66, 71, 77, 78, 75}
    assert retried == {69, 70} and plain[phase]["spec"]["podReplacementPolicy"] == "Failed"


def test_the_evaluation_is_indexed_and_no_index_ends_another(plain: Any) -> None:
    spec = plain["evaluate"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert (spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (3, 3) and "backoffLimit" not in spec
    for phase in ("train", "publish", "deliver"):
        assert plain[phase]["spec"]["backoffLimit"] == 3 and "completionMode" not in plain[phase]["spec"]


@pytest.mark.parametrize(
    ("phase", "section"), [("train", "train"), ("evaluate", "evaluate"), ("publish", "publish"), ("deliver", "publish")]
)
def test_the_fields_of_a_phase(phase: str, section: str) -> None:
    resources = {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    fields = {"resources": resources, "backoffLimit": 0, "activeDeadlineSeconds": 60, "pendingDeadlineSeconds": 5}
    device = {"device": "CPU"} if section == "train" else {}
    spec = manifests(**{section: fields | device})[phase]["spec"]
    assert spec["template"]["spec"]["containers"][0]["resources"] == resources
    assert spec["activeDeadlineSeconds"] == 60
    assert spec["backoffLimitPerIndex" if phase == "evaluate" else "backoffLimit"] == 0


@pytest.mark.parametrize(
    ("section", "device", "expected"),
    [
        ("train", {}, {"limits": {"nvidia.com/gpu": 1}}),
        ("train", {"device": "CPU"}, {}),
        ("train", {"gpu": {"resourceName": "amd.com/gpu", "count": 2}}, {"limits": {"amd.com/gpu": 2}}),
        ("train", {"resources": {"limits": {"memory": "1Gi"}}}, {"limits": {"memory": "1Gi", "nvidia.com/gpu": 1}}),
        ("evaluate", {}, {}),
        ("evaluate", {"device": "GPU"}, {"limits": {"nvidia.com/gpu": 1}}),
        ("evaluate", {"gpu": {"count": 4}}, {}),
    ],
)
def test_a_gpu_is_asked_for_only_where_one_is_used(section: str, device: Any, expected: Any) -> None:
    found = manifests(**{section: device})
    assert container(found[section])["resources"] == expected
    assert container(found["publish"])["resources"] == container(found["deliver"])["resources"] == {}


# Credentials


def secret(name: str, key: str, optional: bool = False) -> dict[str, Any]:
    return {"secretKeyRef": {"name": name, "key": key} | ({"optional": True} if optional else {})}


def test_secrets_are_referred_to_key_by_key() -> None:
    found = manifests(credentials={"secretName": "aws"})
    for phase in STORES:
        given = {name: value for name, value in env(found[phase]).items() if name.startswith("AWS_")}
        assert given == {
            "AWS_ACCESS_KEY_ID": secret("aws", "AWS_ACCESS_KEY_ID"),
            "AWS_SECRET_ACCESS_KEY": secret("aws", "AWS_SECRET_ACCESS_KEY"),
            "AWS_SESSION_TOKEN": secret("aws", "AWS_SESSION_TOKEN", True),
            "AWS_REGION": secret("aws", "AWS_REGION", True),
            "AWS_ENDPOINT_URL": secret("aws", "AWS_ENDPOINT_URL", True),
            "AWS_CA_FILE": "/etc/retrain/authority/run/ca.crt",
        }
        assert "envFrom" not in container(found[phase])


def test_each_purpose_has_its_own_secret_where_it_is_needed() -> None:
    found = manifests(
        data={"uri": "s3://bucket/", "credentials": {"secretName": "for-data"}},
        artifacts={"uri": "s3://bucket/", "credentials": {"secretName": "for-artifacts"}},
        backups=[BACKUP | {"credentials": {"secretName": "for-vault"}}],
        report={"git": {"url": "https://git.example/r", "secretName": "for-git"}},
    )
    carried = {phase: sorted(set(re.findall(r'"(for-[a-z]+)"', json.dumps(found[phase])))) for phase in PHASES}
    assert carried == {
        "train": ["for-artifacts", "for-data"],
        "evaluate": ["for-artifacts", "for-data"],
        "publish": ["for-artifacts"],
        "deliver": ["for-artifacts", "for-git", "for-vault"],
        "observe": ["for-artifacts", "for-data"],
        "notify": ["for-ops"],
    }
    deliver = env(found["deliver"])
    assert deliver["RETRAIN_BACKUP_VAULT_AWS_ACCESS_KEY_ID"] == secret("for-vault", "AWS_ACCESS_KEY_ID")
    assert deliver["RETRAIN_GIT_TOKEN"] == secret("for-git", "token")
    assert deliver["RETRAIN_GIT_USERNAME"] == secret("for-git", "username", True)
    assert env(found["train"])["RETRAIN_DATA_AWS_REGION"] == secret("for-data", "AWS_REGION", True)


def test_no_task_but_the_reports_copy_of_the_spec_names_a_secret() -> None:
    found = manifests(credentials={"secretName": "aws-credentials"})
    tasks = [env(one)["RETRAIN_TASK"] for phase, one in found.items() if phase != "publish"]
    assert not any(secret in task for task in tasks for secret in ("aws-credentials", "for-ops"))


def test_an_rclone_configuration_is_a_read_only_file() -> None:
    found = manifests(
        credentials={"rcloneConfigSecretName": "drive"},
        data={"uri": "rclone://drive/f", "credentials": {"rcloneConfigSecretName": "other"}},
    )
    train = found["train"]
    assert env(train)["RETRAIN_RCLONE_CONFIG"] == "/etc/retrain/rclone/run/rclone.conf"
    assert env(train)["RETRAIN_DATA_RCLONE_CONFIG"] == "/etc/retrain/rclone/data/rclone.conf"
    assert {"name": "rclone-data", "secret": {"secretName": "other"}} in pod(train)["volumes"]
    mounts = container(train)["volumeMounts"]
    assert {"name": "rclone-run", "mountPath": "/etc/retrain/rclone/run", "readOnly": True} in mounts
    assert {mount["name"] for mount in mounts} == {volume["name"] for volume in pod(train)["volumes"]}


def test_a_certificate_authority_is_all_of_its_secret_that_is_mounted() -> None:
    found = manifests(
        credentials={"secretName": "aws"},
        data={"uri": "s3://bucket/", "credentials": {"secretName": "for-data"}},
        backups=[BACKUP | {"credentials": {"rcloneConfigSecretName": "drive"}}],
        report={"git": {"url": "https://git.example/r", "secretName": "git"}},
    )
    named = {phase: {n: v for n, v in env(found[phase]).items() if n.endswith("CA_FILE")} for phase in PHASES}
    run = {"AWS_CA_FILE": "/etc/retrain/authority/run/ca.crt"}
    assert named["publish"] == run
    assert named["train"] == run | {"RETRAIN_DATA_AWS_CA_FILE": "/etc/retrain/authority/data/ca.crt"}
    assert named["deliver"] == run | {
        "RETRAIN_BACKUP_VAULT_RCLONE_CA_FILE": "/etc/retrain/rclone/backup-vault/ca.crt",
        "RETRAIN_GIT_CA_FILE": "/etc/retrain/authority/git/ca.crt",
    }
    key = {"optional": True, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    volumes = {volume["name"]: volume.get("secret") for volume in pod(found["deliver"])["volumes"]}
    assert volumes["retrain-authority-run"] == {"secretName": "aws"} | key
    assert volumes["retrain-authority-git"] == {"secretName": "git"} | key
    for phase in PHASES:
        mounts = container(found[phase])["volumeMounts"]
        assert {mount["name"] for mount in mounts} == {volume["name"] for volume in pod(found[phase])["volumes"]}


def test_volume_names_of_long_backup_names_are_labels() -> None:
    backups = [
        {"name": letter * 63, "uri": "s3://vault/", "credentials": {"rcloneConfigSecretName": "x"}} for letter in "ab"
    ]
    names = [volume["name"] for volume in pod(manifests(backups=backups)["deliver"])["volumes"]]
    assert len(set(names)) == 3 and all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)


@pytest.mark.parametrize(
    ("run", "artifacts", "data", "account"),
    [("a", None, None, "a"), ("a", "b", "c", "b"), (None, None, "c", "c"), (None, None, None, None)],
)
def test_the_service_account(run: str | None, artifacts: str | None, data: str | None, account: str | None) -> None:
    def given(name: str | None) -> dict[str, Any]:
        return {"credentials": {"serviceAccountName": name}} if name else {}

    found = manifests(
        data={"uri": "s3://bbb/"} | given(data), artifacts={"uri": "s3://bbb/"} | given(artifacts), **given(run)
    )
    assert pod(found["train"]).get("serviceAccountName") == pod(found["observe"]).get("serviceAccountName") == account
    assert "serviceAccountName" not in pod(found["notify"])
    assert pod(found["train"])["automountServiceAccountToken"] is False


# Names and labels


@pytest.mark.parametrize("name", ["a", "a" * 253, "a.b-c" * 20, "0" * 63 + ".x"])
@pytest.mark.parametrize("symbol", ["A-B", "A" * 20 + "-" + "9" * 20])
def test_names_and_labels_are_valid(name: str, symbol: str) -> None:
    for manifest in manifests(name=name, symbols=[symbol]).values():
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", manifest["metadata"]["name"])
        for labels in (manifest["metadata"]["labels"], manifest["spec"]["template"]["metadata"]["labels"]):
            assert all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", text) for text in labels.values())


def test_manifests_are_the_same_every_time() -> None:
    assert manifests() == manifests()


def test_the_second_job_of_a_key_has_a_name_of_its_own() -> None:
    run = Cluster.of().run
    names = {
        name_of(run, phase, symbol, "k", again)
        for phase in PHASES
        for symbol in (None, "A-B")
        for again in (False, True)
    }
    assert len(names) == 4 * len(PHASES)


def test_the_labels_say_what_a_job_is(plain: Any) -> None:
    assert plain["train"]["metadata"]["labels"] == {
        "app.kubernetes.io/name": "retrain",
        "app.kubernetes.io/instance": "improved-lstm",
        "app.kubernetes.io/component": "train",
        "app.kubernetes.io/managed-by": "retrain-operator",
        "retrain.crpbot.dev/run": "improved-lstm",
        "retrain.crpbot.dev/phase": "train",
        "retrain.crpbot.dev/symbol": "BTC-USD",
    }
    assert "retrain.crpbot.dev/symbol" not in plain["evaluate"]["metadata"]["labels"]


def test_kueue_labels_are_copied_to_the_jobs_and_others_are_not() -> None:
    kueue = {"kueue.x-k8s.io/queue-name": "gpus", "kueue.x-k8s.io/priority-class": "low"}
    for manifest in manifests(labels=kueue | {"team": "alpha"}).values():
        assert kueue.items() <= manifest["metadata"]["labels"].items()
        assert "team" not in manifest["metadata"]["labels"]
        assert "suspend" not in manifest["spec"], "the queue's word alone"


def test_the_cpu_queue_is_that_of_all_jobs_but_trainings() -> None:
    kueue = {"kueue.x-k8s.io/queue-name": "gpus", "kueue.x-k8s.io/priority-class": "low"}
    made = manifests(labels=kueue | {"retrain.crpbot.dev/cpu-queue": "cpus"})
    queues = {phase: one["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] for phase, one in made.items()}
    assert queues == {phase: "gpus" if phase == "train" else "cpus" for phase in made}
    for phase, one in made.items():
        assert one["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "low"
        noted = one["metadata"]["annotations"]["retrain.crpbot.dev/queue"]
        assert noted == f"kueue.x-k8s.io/queue-name={queues[phase]},kueue.x-k8s.io/priority-class=low"


def test_a_cpu_queue_alone_leaves_trainings_without_a_queue() -> None:
    made = manifests(labels={"retrain.crpbot.dev/cpu-queue": "cpus"})
    assert {phase for phase, one in made.items() if "kueue.x-k8s.io/queue-name" in one["metadata"]["labels"]} == (
        set(made) - {"train"}
    )


def test_a_users_labels_do_not_override_ours() -> None:
    labels = {"retrain.crpbot.dev/phase": "mine", "app.kubernetes.io/name": "mine", "team": "alpha"}
    template = manifests(pods={"labels": labels, "annotations": {"note": "x"}})["train"]["spec"]["template"]["metadata"]
    assert template["labels"]["retrain.crpbot.dev/phase"] == "train"
    assert template["labels"]["app.kubernetes.io/name"] == "retrain" and template["labels"]["team"] == "alpha"
    assert template["annotations"] == {"note": "x"}


# Fields of all pods

POD_FIELDS: dict[str, tuple[Any, str, Any]] = {
    "imagePullSecrets": ([{"name": "registry"}], "imagePullSecrets", [{"name": "registry"}]),
    "nodeSelector": ({"gpu": "yes"}, "nodeSelector", {"gpu": "yes"}),
    "tolerations": ([{"key": "gpu", "operator": "Exists"}], "tolerations", [{"key": "gpu", "operator": "Exists"}]),
    "affinity": ({"nodeAffinity": {"x": [1]}}, "affinity", {"nodeAffinity": {"x": [1]}}),
    "runtimeClassName": ("nvidia", "runtimeClassName", "nvidia"),
    "priorityClassName": ("low", "priorityClassName", "low"),
}


@pytest.mark.parametrize("field", sorted(POD_FIELDS))
def test_fields_of_a_pod_are_passed_on(plain: Any, field: str) -> None:
    value, name, expected = POD_FIELDS[field]
    for phase, manifest in manifests(pods={field: value}).items():
        assert pod(manifest)[name] == expected and name not in pod(plain[phase])


def test_fields_of_a_container_are_passed_on() -> None:
    pods = {
        "image": "mine:1",
        "imagePullPolicy": "Always",
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "fsGroup": 0,
    }
    for manifest in manifests(pods=pods).values():
        one = container(manifest)
        assert (one["image"], one["imagePullPolicy"]) == ("mine:1", "Always")
        assert env(manifest)["HTTPS_PROXY"] == "http://proxy"
        assert pods["volumes"][0] in pod(manifest)["volumes"] and pods["volumeMounts"][0] in one["volumeMounts"]  # type: ignore[index]
        assert pod(manifest)["securityContext"]["fsGroup"] == 0


@pytest.mark.parametrize(
    ("resources", "bounded"),
    [
        ({}, "limits.cpu"),
        ({"requests": {"memory": "1Gi"}}, "limits.cpu"),
        ({"requests": {"cpu": "200m"}}, "requests.cpu"),
        ({"limits": {"cpu": 4}}, "limits.cpu"),
        ({"requests": {"cpu": 1}, "limits": {"cpu": 4}}, "limits.cpu"),
    ],
)
def test_torch_gets_as_many_threads_as_the_pod_may_use(resources: dict[str, Any], bounded: str) -> None:
    for manifest in manifests(train={"resources": resources}, evaluate={"resources": resources}).values():
        if manifest["metadata"]["labels"][LABEL_PHASE] in ("train", "evaluate"):
            source = {"containerName": "trainer", "resource": bounded, "divisor": "1"}
            assert env(manifest)["OMP_NUM_THREADS"] == {"resourceFieldRef": source}


def test_a_users_own_number_of_threads_counts() -> None:
    for manifest in manifests(pods={"env": [{"name": "OMP_NUM_THREADS", "value": "3"}]}).values():
        assert [one["value"] for one in container(manifest)["env"] if one["name"] == "OMP_NUM_THREADS"] == ["3"]


@pytest.mark.parametrize(
    ("spec", "phases"),
    [
        ({"pods": {"nodeSelector": {"a": "b"}}}, set(PHASES)),
        ({"pods": {"env": [{"name": "A"}]}}, set(PHASES)),
        ({"artifacts": {"uri": "s3://other/"}}, set(STORES)),
        ({"credentials": {"secretName": "aws"}}, set(STORES)),
        ({"train": {"backoffLimit": 1}}, {"train"}),
        ({"evaluate": {"resources": {"limits": {"cpu": 1}}}}, {"evaluate", "observe"}),
        ({"evaluate": {"device": "GPU", "gpu": {"count": 2}}}, {"evaluate"}),
        ({"observation": {}, "notify": [OPS | {"name": "others"}]}, set()),
        ({"publish": {"activeDeadlineSeconds": 5}}, {"publish", "deliver"}),
        ({"backups": [BACKUP]}, {"deliver"}),
        ({"report": {"git": {"url": "https://git.example"}}}, {"deliver"}),
        ({"training": {"seed": 5}, "gate": {"minPassed": 1}, "parallelism": 1, "suspend": True}, set()),
    ],
)
def test_what_makes_a_failed_job_worth_another_try(spec: dict[str, Any], phases: set[str]) -> None:
    before, after = Cluster.of().run, Cluster.of(**spec).run
    assert {phase for phase in PHASES if template_key(before, phase) != template_key(after, phase)} == phases


def retried(token: str, **spec: Any) -> RetrainRun:
    cluster = Cluster.of(**spec)
    cluster.annotate(retry=token)
    return cluster.run


@pytest.mark.parametrize("phase", PHASES)
def test_a_retry_token_makes_every_failed_job_worth_another_try_under_a_name_of_its_own(phase: PhaseName) -> None:
    runs = [Cluster.of().run, retried("one"), retried("two")]
    assert len({template_key(run, phase) for run in runs}) == 3
    assert len({name_of(run, phase, "BTC-USD", "key") for run in runs}) == 3


@pytest.mark.parametrize(
    ("spec", "digests"),
    [
        ({}, ["adaf95af3558909b", "adaf95af3558909b", "adaf95af3558909b", "4efb89747e78bc4a"]),
        (
            {"backups": [BACKUP], "train": {"backoffLimit": 1}, "credentials": {"secretName": "aws"}},
            ["3cc434475f55f73f", "e46da589354f7b69", "e46da589354f7b69", "107ea5f8cd85983f"],
        ),
    ],
    ids=["the smallest run", "a run with a backup and credentials"],
)
@pytest.mark.parametrize("token", [None, ""])
def test_without_a_retry_token_an_upgrade_tries_nothing_again(
    token: str | None, spec: dict[str, Any], digests: list[str]
) -> None:
    """Computed with commit f9a8863, before there were retry tokens: they are in the names of Jobs that are at work."""
    run = Cluster.of(**spec).run if token is None else retried(token, **spec)
    assert [template_key(run, phase) for phase in WORK] == digests


# Looks and notifications


def test_a_look_has_the_evaluations_fields_and_no_gpu() -> None:
    resources = {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    fields = {"resources": resources, "backoffLimit": 1, "activeDeadlineSeconds": 60, "pendingDeadlineSeconds": 5}
    spec = manifests(evaluate=fields | {"device": "GPU", "gpu": {"count": 2}})["observe"]["spec"]
    assert spec["template"]["spec"]["containers"][0]["resources"] == resources
    assert (spec["activeDeadlineSeconds"], spec["backoffLimitPerIndex"]) == (60, 1)
    assert phase_spec(Cluster.of(evaluate=fields).run.spec, "observe").pending_deadline_seconds == 5


@pytest.mark.parametrize(("symbols", "indexes"), [(1, 1), (8, 1), (9, 2), (64, 8)])
def test_eight_symbols_are_looked_at_in_an_index(symbols: int, indexes: int) -> None:
    made = look(Cluster.of(symbols=[f"S{number}-USD" for number in range(symbols)]).run)
    assert (made["spec"]["completionMode"], made["spec"]["completions"]) == ("Indexed", indexes)
    assert made["spec"]["parallelism"] == made["spec"]["maxFailedIndexes"] == indexes
    assert len(made["metadata"]["name"]) <= 63 - len(f"-{indexes - 1}")


def test_a_notification_is_tried_by_one_pod_for_two_minutes_once_it_may_start(plain: Any) -> None:
    spec = plain["notify"]["spec"]
    pending = phase_spec(Cluster.of().run.spec, "notify").pending_deadline_seconds
    assert (spec["backoffLimit"], pending, spec["activeDeadlineSeconds"]) == (0, 900, 900 + 120)
    assert "completionMode" not in spec
    assert container(plain["notify"])["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


EVERY_SECRET = {
    "credentials": {"secretName": "for-run"},
    "data": {"uri": "s3://bucket/", "credentials": {"rcloneConfigSecretName": "for-data"}},
    "artifacts": {"uri": "s3://bucket/", "credentials": {"secretName": "for-artifacts"}},
    "backups": [BACKUP | {"credentials": {"secretName": "for-vault"}}],
    "report": {"git": {"url": "https://git.example/r", "secretName": "for-git"}},
    "notify": [{"name": "others", "secretName": "for-others"}, OPS],
}


def test_a_notify_pod_carries_the_url_of_its_receiver_and_no_other_secret() -> None:
    made = manifests(**EVERY_SECRET)["notify"]
    assert env(made)["RETRAIN_NOTIFY_URL"] == secret("for-ops", "url")
    assert json.dumps(made).count("secretKeyRef") == json.dumps(made).count("for-") == 1
    assert env(made).keys() == {"OMP_NUM_THREADS", "RETRAIN_TASK", "RETRAIN_NOTIFY_URL"}
    assert pod(made)["volumes"] == [{"name": "retrain-scratch", "emptyDir": {}}]


def test_only_a_notify_pod_carries_a_receivers_url() -> None:
    found = manifests(**EVERY_SECRET)
    for mark in ('{"name": "for-ops"', '"secretName": "for-ops"', "RETRAIN_NOTIFY_URL"):
        assert {phase for phase, made in found.items() if mark in json.dumps(made)} <= {"notify"}


def test_each_receiver_is_told_by_a_job_of_its_own() -> None:
    run = Cluster.of(notify=[OPS, {"name": "others", "secretName": "for-ops"}]).run
    made = [notice(run, receiver) for receiver in ("ops", "others")]
    assert len({one["metadata"]["name"] for one in made}) == 2
    assert [one["metadata"]["annotations"]["retrain.crpbot.dev/key"] for one in made] == [TO_OPS, "others/3-Promoted"]
    assert name_of(run, "notify", None, TO_OPS) == made[0]["metadata"]["name"]


NOTIFY_CHANGES: list[tuple[str, dict[str, Any], bool]] = [
    ("another Secret of the receiver", {"notify": [OPS | {"secretName": "other"}]}, True),
    ("another receiver's Secret", {"notify": [OPS, {"name": "others", "secretName": "other"}]}, False),
    ("another choice of what it is told", {"notify": [OPS | {"when": ["Failed"]}]}, False),
    ("another store", {"artifacts": {"uri": "s3://other/"}}, False),
    ("another proxy", {"pods": {"env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}]}}, True),
]


@pytest.mark.parametrize(
    ("changed", "again"), [case[1:] for case in NOTIFY_CHANGES], ids=[c[0] for c in NOTIFY_CHANGES]
)
def test_what_makes_a_failed_notification_worth_another_try(changed: dict[str, Any], again: bool) -> None:
    before, after = Cluster.of(notify=[OPS]).run, Cluster.of(**({"notify": [OPS]} | changed)).run
    assert (failed_key(before, "notify", TO_OPS) != failed_key(after, "notify", TO_OPS)) == again
    assert (name_of(before, "notify", None, TO_OPS) != name_of(after, "notify", None, TO_OPS)) == again
