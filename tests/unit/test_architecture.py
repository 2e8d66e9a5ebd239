"""docs/architecture.md against the code: the places that it names exist, and the way of a loss goes only downwards."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.places import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
SOURCES = dict.fromkeys(("retrain_api", "retrain_operator", "retrain_client", "retrain_cli"), ROOT / "operator") | {
    "retrain_trainer": ROOT / "trainer_image"
}
PLACE = re.compile(r"`(retrain_[a-z]+/[a-z0-9_/]+(?:\.py)?)`")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


WAY = re.findall(r"^\d+\. `([a-z_/]+)\.py`", section("The way of one epoch's loss"), re.MULTILINE)


def source(place: str) -> Path:
    return SOURCES[place.split("/")[0]] / place


def layers() -> dict[str, list[list[str]]]:
    """By container ("" for the packages themselves) its layers from the top, each with the rooms that share it."""
    contracts: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    found = {}
    for contract in contracts:
        if contract["type"] == "layers":
            rooms = [[room.strip(" ()") for room in re.split(r"[|:]", layer)] for layer in contract["layers"]]
            found[contract.get("containers", [""])[0]] = rooms
    return found


def height(module: str) -> tuple[int, int]:
    """How high a module lives: the height of its package, then that of its room in the package."""
    package, _, rest = module.partition(".")
    return _height(layers()[""], package), _height(layers()[package], rest.split(".")[0])


def _height(rooms: list[list[str]], name: str) -> int:
    return next(-index for index, layer in enumerate(rooms) if name in layer)


def imports(place: str) -> Iterator[str]:
    """The project's own modules that a module imports from other rooms."""
    for node in ast.walk(ast.parse(source(f"{place}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] in SOURCES:
            assert node.module is not None
            yield node.module if "." in node.module else f"{node.module}.{node.names[0].name}"


@pytest.mark.parametrize("place", sorted(set(PLACE.findall(PAGE))))
def test_every_place_that_the_page_names_exists(place: str) -> None:
    assert source(place).exists() or source(f"{place}.py").exists()


def test_the_way_of_a_loss_begins_in_the_training_and_ends_in_the_only_writer_of_a_status() -> None:
    assert (WAY[0], WAY[-1]) == ("retrain_trainer/train/loop", "retrain_operator/kube/apply")
    assert all(source(f"{place}.py").exists() for place in WAY)


@pytest.mark.parametrize("place", WAY)
def test_no_module_on_the_way_imports_from_a_higher_room(place: str) -> None:
    here = height(place.replace("/", "."))
    for module in imports(place):
        package, room = height(module)
        assert package < here[0] or (package == here[0] and room <= here[1]), f"{place} imports {module}"
