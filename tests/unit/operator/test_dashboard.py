"""The Grafana dashboard: it asks for what the operator exports and for nothing else, and says in words what each panel shows.

Prometheus' own promtool evaluates each query over what two replicas export, one of which stands by.
"""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.still import Still

from retrain_cli.commands.install.manifests import manifests
from retrain_operator.controller.metrics import Metrics
from retrain_operator.state.cache import Cache

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "manifests" / "overlays" / "prometheus" / "dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_PROMETHEUS = {"namespace", "instance"}
"""Labels that Prometheus gives to whatever it scrapes."""
BY_REPLICA = "Who leads"
UNITS = {"short", "s", "reqps"}
LEFT_OUT: dict[str, str] = {}
"""A metric that no panel shows, with the reason why no person needs it there."""
NAME = r"\bretrain_\w+"


def exported(leads: bool = True) -> str:
    """What a replica exports that has met each kind of thing that it counts."""
    metrics = Metrics()
    metrics.observe(Still(), Still(), Cache(), lambda: leads)
    metrics.requested("GET", "jobs", 200)
    return metrics.render().decode()


def families() -> dict[str, set[str]]:
    """Each metric that docs/monitoring.md lists, with its labels; a test of that page holds its table against the code."""
    table = runpy.run_path(str(ROOT / "docs" / "generate.py"))["metric_table"]()
    return {name: set(filter(None, labels.split(", "))) for name, labels in re.findall(r"`(\w+)` \| (.*?) \|", table)}


METRICS = families()


def family(name: str) -> str:
    """The metric that a series is of: a histogram has three kinds."""
    return name if name in METRICS else re.sub("_(bucket|sum|count)$", "", name)


def known(name: str) -> set[str]:
    return METRICS[family(name)] | OF_PROMETHEUS | ({"le"} if name.endswith("_bucket") else set())


def matchers(query: str) -> Iterator[tuple[str, str, str]]:
    """Metric, label and value of each condition."""
    for name, inside in re.findall(rf"({NAME})\{{(.*?)\}}", query):
        for label, value in re.findall(r'(\w+)[=!]~?"(.*?)"', inside):
            yield name, label, value


def grouped(text: str) -> set[str]:
    """Labels that a query keeps or joins on."""
    return {word for part in re.findall(r"\b(?:by|on) \((.*?)\)", text) for word in part.split(", ")}


def test_each_query_asks_for_metrics_that_there_are() -> None:
    for query in QUERIES:
        asked = re.findall(NAME, query)
        assert asked and {family(name) for name in asked} <= set(METRICS), query


def test_each_metric_is_on_a_panel_or_left_out_for_a_reason() -> None:
    shown = {family(name) for query in QUERIES for name in re.findall(NAME, query)}
    assert shown | set(LEFT_OUT) == set(METRICS)
    assert not shown & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_label_is_one_of_the_metric_that_is_asked(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        query = target["expr"]
        assert all(label in known(name) for name, label, _ in matchers(query)), query
        kept = grouped(query)
        assert kept <= set.union(*(known(name) for name in re.findall(NAME, query))), query
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept, target["legendFormat"]


def test_each_value_that_a_query_names_is_one_that_the_label_takes() -> None:
    text = exported()
    named = [found for query in QUERIES for found in matchers(query) if found[1] not in OF_PROMETHEUS]
    assert named
    for name, label, values in named:
        taken = re.findall(rf'^{name}\{{.*?\b{label}="(\w+)"', text, re.MULTILINE)
        assert set(values.split("|")) <= set(taken), (name, label)


def test_a_colour_is_given_to_a_line_that_there_is() -> None:
    text = exported()
    for panel in PANELS:
        lines = {target["legendFormat"] for target in panel["targets"]}
        labels = [label for line in lines for label in re.findall(r"\{\{(\w+)\}\}", line)]
        names = {family(name) for target in panel["targets"] for name in re.findall(NAME, target["expr"])}
        for label in labels:
            lines |= {value for name in names for value in re.findall(rf'^{name}\{{.*?\b{label}="(\w+)"', text, re.M)}
        coloured = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert coloured <= lines, panel["title"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert re.match(r"[A-Z].*\w$", panel["title"])
    assert re.match(r"[A-Z].{30,}\.$", panel["description"])
    assert not re.search(NAME, panel["description"])
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS


def test_no_title_stands_twice() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(titles)) == len(titles)


def test_whoever_looks_chooses_the_data_source() -> None:
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert not {"current", "options"} & set(variables["datasource"])
    asked = [variables["namespace"]["datasource"], *(panel["datasource"] for panel in PANELS)]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in asked)
    assert FILE.read_text().count('"datasource": {') == len(asked)


def test_each_metric_is_asked_for_in_the_namespaces_that_were_chosen() -> None:
    for query in QUERIES:
        asked = re.findall(NAME, query)
        chosen = [name for name, label, value in matchers(query) if (label, value) == ("namespace", "$namespace")]
        assert asked == chosen, query


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    """A link to a panel has its number: those of a row begin at a hundred of their own, so that one can be added."""
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert numbers == sorted(set(numbers))
    assert all((panel["id"] % 100 == 0) == (panel["type"] == "row") for panel in DASHBOARD["panels"])
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"], (one, other)


def test_the_file_is_written_as_people_read_it() -> None:
    assert FILE.read_text() == json.dumps(DASHBOARD, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert not {"id", "version", "iteration", "gnetId", "__inputs", "__requires"} & set(DASHBOARD)
    assert "pluginVersion" not in FILE.read_text()


def test_the_overlay_has_it_where_the_sidecar_of_grafana_looks() -> None:
    built = list(yaml.safe_load_all(manifests("prometheus")))
    (found,) = [each for each in built if each["kind"] == "ConfigMap"]
    assert found["metadata"]["name"] == "retrain-operator-dashboard"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["data"] == {"retrain-operator.json": FILE.read_text()}, "make generate"


def series(replica: str, leads: bool) -> Iterator[dict[str, str]]:
    """What Prometheus has of a replica after an hour in which everything that it counts rose."""
    for name, labels in re.findall(r"^(retrain_\w+)(?:\{(.*)\})? ", exported(leads), re.MULTILINE):
        values = f"{int(leads)}x60" if name == "retrain_is_leader" else "1+1x60"
        given = [*filter(None, [labels]), f'instance="{replica}"', 'namespace="retrain-system"']
        yield {"series": f"{name}{{{', '.join(given)}}}", "values": values}


def asked_of_prometheus(query: str) -> str:
    """A query as Grafana sends it, within an hour."""
    for variable, value in (("$namespace", ".*"), ("$__range", "1h"), ("$__rate_interval", "5m")):
        query = query.replace(variable, value)
    return query


def test_each_query_finds_something_and_counts_no_replica_by_itself(
    tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    require(shutil.which("promtool"), "no promtool here (prometheus on Debian)")
    tests = []
    for panel in PANELS:
        each = ['{instance="a"}', '{instance="b"}'] if panel["title"] == BY_REPLICA else ["{}"]
        found = [{"labels": labels, "value": 1} for labels in each]
        tests += [
            {
                "expr": f"count by (instance) ({asked_of_prometheus(target['expr'])}) >= bool 1",
                "eval_time": "50m",
                "exp_samples": found,
            }
            for target in panel["targets"]
        ]
    given = [*series("a", True), *series("b", False)]
    case = {"interval": "1m", "input_series": given, "promql_expr_test": tests}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    done = subprocess.run(["promtool", "test", "rules", "cases.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(tests) == len(QUERIES)
