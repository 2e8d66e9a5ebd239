"""The alert rules and the queries of docs/monitoring.md, tried by Prometheus' own promtool: they can be read, fire when they should,
are quiet otherwise, and count each run once where two replicas know it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import yaml
from support.planning import run_document
from support.still import Still

from retrain_api.status.run import FINAL_STATES, State
from retrain_operator.controller.metrics import Metrics
from retrain_operator.state.cache import Cache

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "manifests" / "overlays" / "prometheus" / "rules.yaml"
CASES = ROOT / "tests" / "support" / "alerts.yaml"


@pytest.fixture
def folder(tmp_path: Path, require: Callable[[object, str], None]) -> Path:
    require(shutil.which("promtool"), "no promtool here (prometheus on Debian)")
    rules = yaml.safe_load(RULES.read_text())["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    return tmp_path


def promtool(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_can_read_them(folder: Path) -> None:
    promtool(folder, "check", "rules", "--lint-fatal", "rules.yaml")


def test_they_fire_when_they_should(folder: Path) -> None:
    shutil.copy(CASES, folder / "cases.yaml")
    promtool(folder, "test", "rules", "cases.yaml")


def documented(what: str) -> list[str]:
    """The queries that docs/monitoring.md gives between two markers."""
    (part,) = re.findall(rf"<!-- {what} -->(.*?)<!-- end -->", (ROOT / "docs" / "monitoring.md").read_text(), re.DOTALL)
    return [line.strip() for line in part.splitlines() if line.strip()]


def exported(replica: str, leads: bool) -> list[dict[str, str]]:
    """What a replica that knows two runs exports, for an hour."""
    cache = Cache()
    for name, state in (("a", "Queued"), ("b", "Training")):
        meta = {**run_document()["metadata"], "name": name, "uid": name, "resourceVersion": "1"}
        cache.put("runs", {**run_document(), "metadata": meta, "status": {"state": state}})
    metrics = Metrics()
    metrics.observe(Still(depth=2 if leads else 0), Still(), cache, lambda: leads)
    lines = re.findall(r"^(retrain_\w+)(?:{(.*)})? (\S+)$", metrics.render().decode(), re.MULTILINE)
    return [
        {"series": f"{name}{{{', '.join(filter(None, [labels, f'instance={replica!r}']))}}}", "values": f"{value}x60"}
        for name, labels, value in lines
    ]


def test_the_documented_queries_count_each_run_once_where_two_replicas_know_it(folder: Path) -> None:
    runs, ended, waiting = documented("queries")
    counts = {state: int(state in ("Queued", "Training")) for state in get_args(State)}
    expected = {
        runs: [{"labels": f'{{state="{state}"}}', "value": count} for state, count in counts.items()],
        ended: [{"labels": f'{{result="{state}"}}', "value": 0} for state in FINAL_STATES],
        waiting: [{"labels": "{}", "value": 2}],
        **{alert: [] for alert in documented("alerts")[:2]},
    }
    asked = [{"expr": query, "eval_time": "30m", "exp_samples": found} for query, found in expected.items()]
    case = {"interval": "1m", "input_series": exported("a", True) + exported("b", False), "promql_expr_test": asked}
    (folder / "cases.yaml").write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    promtool(folder, "test", "rules", "cases.yaml")


def test_the_documented_alerts_are_among_the_rules() -> None:
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["spec"]["groups"] for rule in group["rules"]]
    assert len(documented("alerts")) == 8
    assert set(documented("alerts")) <= set(rules)
