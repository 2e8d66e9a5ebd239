"""The pages about the operator speak of every setting, state, condition, metric and column there is, and of none that is not."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import get_args

import pytest
from support.planning import START, Cluster
from support.still import Still

from retrain_api.reasons import ALL, QUEUED
from retrain_api.schema.crd import crd
from retrain_api.status.condition import Condition
from retrain_api.status.condition_types import CONDITION_TYPES
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import RetrainRunStatus, State
from retrain_api.status.symbol import SymbolResult, SymbolStatus
from retrain_operator.controller.metrics import Metrics
from retrain_operator.controller.settings import read
from retrain_operator.decide.conditions import conditions
from retrain_operator.state.cache import Cache

DOCS = Path(__file__).resolve().parents[3] / "docs"
GENERATED = runpy.run_path(str(DOCS / "generate.py"))


def page(name: str) -> str:
    return (DOCS / name).read_text()


def section(of: str, title: str) -> str:
    """The text below a heading of a page, up to the next of its level or above."""
    level = next(line.split(" ", 1)[0] for line in page(of).splitlines() if re.fullmatch(f"#+ {title}", line))
    rest = page(of).split(f"\n{level} {title}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", rest, maxsplit=1)[0]


def first_cells(text: str) -> list[str]:
    """First column of the tables in a text, without their heads."""
    rows = re.findall(r"^\| ([^|]+?) +\|", text, re.MULTILINE)
    return [cell.strip("`") for cell in rows if cell not in ("flag", "state", "type", "reason", "metric")]


def test_every_setting_is_documented_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["--help"], {})
    flags = set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--help"}
    documented = section("operator.md", "Settings")
    assert set(first_cells(documented)) == flags
    for flag in flags:
        assert f"`RETRAIN_{flag[2:].upper().replace('-', '_')}`" in documented


def test_every_state_has_its_row() -> None:
    assert first_cells(section("status.md", "States")) == list(get_args(State))


OPS = {"name": "ops", "secretName": "slack"}


def seen_conditions() -> tuple[Condition, ...]:
    """Of a run that is rejected, one that works, one that is suspended, one with a newer CRD's field, one with backups, one with a
    preflight, one whose approval is of another judgement, one whose data was rewritten, one that is observed, and one that tells somebody.
    """
    cluster = Cluster.of(backups=[{"name": "vault", "uri": "s3://vault/models/"}], notify=[OPS])
    found = cluster.settle().status.conditions + cluster.to_the_end().status.conditions
    found += Cluster.of(preflight="Always").settle().status.conditions
    rewritten = SymbolStatus(symbol="BTC-USD", result=SymbolResult(restated="2026-11-20 close"))
    status = RetrainRunStatus(symbols=(rewritten,), observation=ObservationStatus())
    found += conditions(status, QUEUED, False, START, ("spec.observation",), ("An answer is stale.",))
    return found + Cluster.of(suspend=True).settle().status.conditions


@pytest.mark.parametrize("name", GENERATED["parts"]())
def test_generated_tables_are_what_the_code_says(name: str) -> None:
    assert GENERATED["generated"](page(name), GENERATED["parts"]()[name]) == page(name), "run `make generate`"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_no_page_calls_a_table_generated_that_is_not(path: Path) -> None:
    marked = re.findall("^<!-- generated: (.+) -->$", path.read_text(), re.MULTILINE)
    assert marked == list(GENERATED["parts"]().get(path.name, {}))


def test_every_condition_takes_the_reasons_of_its_type() -> None:
    kinds = {kind.name: kind.reasons for kind in CONDITION_TYPES}
    for condition in seen_conditions():
        reason = next(each for each in kinds[condition.type] or ALL if each == condition.reason)
        if kinds[condition.type] and condition.status == "True":
            others = {"Suspended": "neutral", "FieldsIgnored": "neutral", "AnswerStale": "bad", "DataRestated": "bad"}
            assert reason.polarity == others.get(condition.type, "good")


def test_every_condition_has_its_row() -> None:
    rows = first_cells(section("status.md", "Conditions"))
    assert {each.type for each in seen_conditions()} | {"Stalled"} == set(rows)
    assert len(rows) == len(set(rows))


def test_every_metric_has_its_row_with_its_labels() -> None:
    metrics = Metrics()
    metrics.observe(Still(), Still(), Cache(), lambda: True)
    rows = dict(re.findall(r"^\| `(retrain_\w+)` \| ([^|]*?) *\|", section("monitoring.md", "Metrics"), re.MULTILINE))
    typed = re.findall(r"^# TYPE (\w+) (counter|gauge|histogram)$", metrics.render().decode(), re.MULTILINE)
    assert set(rows) == {name for name, _ in typed if not name.endswith("_created")}
    for name, labels in rows.items():
        assert labels == ", ".join(label_names(metrics, name.removesuffix("_total")))


def label_names(metrics: Metrics, name: str) -> list[str]:
    """As the collector was declared, whether or not anything was counted yet."""
    collector = metrics.registry._names_to_collectors[name]
    return list(collector._labelnames)  # type: ignore[attr-defined]


def test_the_columns_are_those_of_the_crd() -> None:
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    head = ["NAME", *(column["name"].upper() for column in columns if not column.get("priority"))]
    assert " ".join(head) in re.sub(" +", " ", page("status.md"))
