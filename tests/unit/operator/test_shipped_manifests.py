"""The shipped manifests: complete, fit for a restricted namespace, and with no right that the operator does not use."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from support.still import Still

from retrain_api.status.run import FINAL_STATES, State
from retrain_api.status.schedule import ScheduleState
from retrain_operator.controller.metrics import Metrics
from retrain_operator.controller.settings import read
from retrain_operator.kube.paths import RIGHTS
from retrain_operator.state.cache import Cache

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = ROOT / "manifests"
BASE = MANIFESTS / "base"
OVERLAY = MANIFESTS / "overlays" / "one-namespace"
FOLDERS = (BASE, ROOT / "crds", MANIFESTS / "approval", *sorted((MANIFESTS / "overlays").iterdir()))
CLUSTER_WIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
PROFILE = "pod-security.kubernetes.io"

Grant = tuple[str, str, str]
"""Verb, group, resource."""


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each is not None]


def objects(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """All objects of a folder by kind and name."""
    found = [each for path in sorted(folder.glob("*.yaml")) for each in documents(path)]
    found = [each for each in found if each["kind"] != "Kustomization" and "$patch" not in each]
    named = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(named) == len(found), "one object is there twice"
    return named


SHIPPED = objects(BASE)
DEPLOYMENT = SHIPPED["Deployment", "retrain-operator"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


def grants(rules: Iterable[dict[str, Any]]) -> Iterator[Grant]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((verb, group, resource) for verb in rule["verbs"])


def needed(own: bool) -> list[Grant]:
    return sorted((right.verb, right.group, right.resource) for right in RIGHTS if right.own == own)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_kustomization_names_every_file_beside_it_and_nothing_else(folder: Path) -> None:
    (listed,) = documents(folder / "kustomization.yaml")
    named = listed["resources"] + [patch["path"] for patch in listed.get("patches", [])]
    for generator in listed.get("configMapGenerator", []):
        named += [file.rpartition("=")[2] for file in generator["files"]]
    here = {path.name for path in folder.glob("*.*") if path.suffix in (".yaml", ".json")} - {"kustomization.yaml"}
    assert {name for name in named if "/" not in name} == here
    for name in named:
        assert (folder / name).exists(), f"{name} is not there"


def test_every_overlay_brings_the_base_along_and_none_the_crd() -> None:
    """To delete an overlay must not delete the CRD, and with it the runs of everybody."""
    for folder in (BASE, *sorted((MANIFESTS / "overlays").iterdir())):
        brought = {(folder / each).resolve() for each in documents(folder / "kustomization.yaml")[0]["resources"]}
        assert (BASE in brought) == (folder != BASE)
        assert ROOT / "crds" not in brought
        assert "CustomResourceDefinition" not in {kind for kind, _ in objects(folder)}


def test_no_gitops_tool_prunes_a_crd() -> None:
    """Deleting one deletes every run, and what was promoted by whom."""
    definitions = objects(ROOT / "crds")
    assert {name for _, name in definitions} == {
        "retrainruns.retrain.crpbot.dev",
        "retrainschedules.retrain.crpbot.dev",
    }
    for definition in definitions.values():
        assert definition["metadata"]["annotations"] == {
            "argocd.argoproj.io/sync-options": "Prune=false",
            "kustomize.toolkit.fluxcd.io/prune": "disabled",
        }


@pytest.mark.parametrize("tool", ["argocd", "flux"])
def test_the_samples_apply_the_crd_first_and_never_prune_it(tool: str) -> None:
    crds, operator = documents(MANIFESTS / "samples" / f"{tool}-operator.yaml")
    if tool == "argocd":
        assert (crds["spec"]["source"]["path"], operator["spec"]["source"]["path"]) == ("crds", "manifests/base")
        assert crds["spec"]["syncPolicy"]["automated"]["prune"] is False
    else:
        assert (crds["spec"]["path"], operator["spec"]["path"]) == ("./crds", "./manifests/base")
        assert crds["spec"]["prune"] is False
        assert operator["spec"]["dependsOn"] == [{"name": crds["metadata"]["name"]}]


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_the_operator_may_do_what_it_does_and_no_more(kind: str) -> None:
    place = SHIPPED if kind == "ClusterRole" else objects(OVERLAY)
    assert sorted(grants(place[kind, "retrain-operator"]["rules"])) == needed(own=False)


def test_it_may_touch_one_lease_by_name_in_its_own_namespace() -> None:
    role = SHIPPED["Role", "retrain-operator-lease"]
    assert sorted(grants(role["rules"])) == needed(own=True)
    for rule in role["rules"]:
        assert rule.get("resourceNames") == (None if rule["verbs"] == ["create"] else ["retrain-operator"])
    assert role["metadata"]["namespace"] == "retrain-system"


@pytest.mark.parametrize("folder", [BASE, OVERLAY], ids=lambda folder: folder.name)
def test_no_rule_has_a_wildcard_or_reads_secrets(folder: Path) -> None:
    roles = [each for (kind, _), each in objects(folder).items() if kind in ("Role", "ClusterRole")]
    assert roles
    given = [word for role in roles for grant in grants(role["rules"]) for word in grant]
    assert not {"*", "secrets", "impersonate", "escalate", "bind"} & set(given)


@pytest.mark.parametrize("folder", [BASE, OVERLAY], ids=lambda folder: folder.name)
def test_every_role_is_bound_to_the_operator_alone(folder: Path) -> None:
    found = objects(folder)
    roles = {key for key in found if key[0] in ("Role", "ClusterRole")}
    bindings = [each for (kind, _), each in found.items() if kind.endswith("Binding")]
    assert {(each["roleRef"]["kind"], each["roleRef"]["name"]) for each in bindings} == roles
    for binding in bindings:
        subject = {"kind": "ServiceAccount", "name": "retrain-operator", "namespace": "retrain-system"}
        assert binding["subjects"] == [subject]
        assert binding["kind"] == binding["roleRef"]["kind"] + "Binding"


def test_the_overlay_leaves_no_right_beyond_its_namespace() -> None:
    removed = documents(OVERLAY / "without-cluster-role.yaml")
    assert all(each["$patch"] == "delete" for each in removed)
    gone = {(each["kind"], each["metadata"]["name"]) for each in removed}
    assert gone == {key for key in SHIPPED if key[0].startswith("ClusterRole")}
    (patch,) = documents(OVERLAY / "own-namespace.yaml")
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    own = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert (container["name"], container["env"]) == ("operator", [{"name": "RETRAIN_NAMESPACES", "valueFrom": own}])


def test_everything_is_in_the_operators_namespace_and_carries_its_name() -> None:
    for (kind, name), each in SHIPPED.items():
        assert each["metadata"].get("namespace") == (None if kind in CLUSTER_WIDE else "retrain-system"), (kind, name)
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "retrain-operator"


def test_the_namespace_asks_for_restricted_pods() -> None:
    labels = SHIPPED["Namespace", "retrain-system"]["metadata"]["labels"]
    assert {labels[f"{PROFILE}/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}


def test_the_pod_fits_the_restricted_profile() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] > 0
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*POD["containers"], *POD.get("initContainers", [])]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "runAsUser"} & set(context)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(POD)
    assert {next(iter(set(volume) - {"name"})) for volume in POD["volumes"]} == {"emptyDir"}


def test_the_token_is_mounted_where_it_is_used_alone() -> None:
    assert SHIPPED["ServiceAccount", "retrain-operator"]["automountServiceAccountToken"] is False
    assert POD["automountServiceAccountToken"] is True
    assert POD["serviceAccountName"] == "retrain-operator"


def test_probes_service_and_port_meet() -> None:
    (port,) = CONTAINER["ports"]
    assert (port["name"], port["containerPort"]) == ("http", 8080)
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")}
    assert probes["liveness"] == {"path": "/healthz", "port": "http"}
    assert probes["readiness"] == {"path": "/readyz", "port": "http"}
    (served,) = SHIPPED["Service", "retrain-operator"]["spec"]["ports"]
    assert (served["port"], served["targetPort"]) == (8080, "http")


@pytest.mark.parametrize("kind", ["Deployment", "Service", "PodDisruptionBudget"])
def test_every_selector_finds_the_pods(kind: str) -> None:
    selector = SHIPPED[kind, "retrain-operator"]["spec"]["selector"]
    wanted = selector.get("matchLabels", selector)
    assert wanted.items() <= DEPLOYMENT["spec"]["template"]["metadata"]["labels"].items()


def test_one_replica_stands_by_and_a_drain_never_takes_both() -> None:
    assert DEPLOYMENT["spec"]["replicas"] == 2
    assert SHIPPED["PodDisruptionBudget", "retrain-operator"]["spec"]["minAvailable"] == 1


def test_memory_is_bounded_and_processor_time_is_not() -> None:
    assert set(CONTAINER["resources"]["requests"]) == {"cpu", "memory"}
    assert set(CONTAINER["resources"]["limits"]) == {"memory"}


def test_the_images_are_those_of_this_release() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    environment = {each["name"]: each.get("value") for each in CONTAINER["env"]}
    assert CONTAINER["image"] == f"retrain-operator:{version}"
    assert environment["RETRAIN_TRAINER_IMAGE"] == f"retrain-trainer:{version}"


def test_settings_and_manifests_mean_the_same() -> None:
    environment = {each["name"]: each["value"] for each in CONTAINER["env"]}
    settings = read([], environment | {"RETRAIN_NAMESPACES": "retrain"})
    assert settings.trainer_image == environment["RETRAIN_TRAINER_IMAGE"]
    assert settings.namespaces == ("retrain",)
    assert settings.http_address.endswith(f":{CONTAINER['ports'][0]['containerPort']}")
    limited = [rule for rule in SHIPPED["Role", "retrain-operator-lease"]["rules"] if "resourceNames" in rule]
    assert [rule["resourceNames"] for rule in limited] == [[settings.lease_name]]


PROMETHEUS = objects(MANIFESTS / "overlays" / "prometheus")


def test_every_metric_that_an_alert_asks_for_is_one_of_ours() -> None:
    metrics = Metrics()
    metrics.observe(Still(), Still(), Cache(), lambda: True)
    # Families without a sample yet have their TYPE line all the same.
    ours = set(re.findall(r"^# TYPE (\w+) ", metrics.render().decode(), re.MULTILINE))
    rules = [
        rule for group in PROMETHEUS["PrometheusRule", "retrain-operator"]["spec"]["groups"] for rule in group["rules"]
    ]
    asked = [name for rule in rules for name in re.findall(r"\bretrain_\w+", rule["expr"])]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 5
    assert len(asked) >= len(rules) and set(asked) <= ours


@pytest.mark.parametrize(
    ("metric", "states"),
    [
        ("retrain_longest_in_state_seconds", set(get_args(State)) - FINAL_STATES),
        ("retrain_schedules", set(get_args(ScheduleState))),
    ],
)
def test_every_state_that_an_alert_names_is_one_that_what_it_counts_can_be_in(metric: str, states: set[str]) -> None:
    text = (MANIFESTS / "overlays" / "prometheus" / "rules.yaml").read_text()
    named = [state for found in re.findall(rf'{metric}\{{state=~?"([^"]+)"', text) for state in found.split("|")]
    assert named and set(named) <= states


def test_the_sidecar_of_grafana_finds_the_dashboard_under_one_name_in_every_release() -> None:
    (overlay,) = documents(MANIFESTS / "overlays" / "prometheus" / "kustomization.yaml")
    (generator,) = overlay["configMapGenerator"]
    assert generator["options"]["labels"]["grafana_dashboard"] == "1"
    assert generator["options"]["disableNameSuffixHash"] is True
    assert generator["namespace"] == "retrain-system"
    assert generator["files"] == ["retrain-operator.json=dashboard.json"]


def test_prometheus_reads_the_port_that_is_served() -> None:
    monitor = PROMETHEUS["ServiceMonitor", "retrain-operator"]["spec"]
    service = SHIPPED["Service", "retrain-operator"]
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
