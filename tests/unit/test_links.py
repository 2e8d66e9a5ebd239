"""Links between the project's pages lead somewhere: to a file that is there, and to a heading that is on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmarks", "crds", "docs", "examples", "manifests", "operator", "scripts", "tests", "trainer_image")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCED.sub("", page.read_text())


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Target file and anchor of each link that stays in the repository."""
    for link in _LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", link):
            target, _, anchor = link.partition("#")
            yield (page.parent / target if target else page), anchor


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page; a heading that comes again gets a number."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        again = sum(re.sub(r"-\d+$", "", other) == slug for other in found)
        found.append(f"{slug}-{again}" if again else slug)
    return set(found)


def named(page: Path) -> str:
    """The page's path, as the test's name."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{named(page)} links to {target}"
        assert not anchor or anchor in anchors(target), f"{named(page)} links to {target.name}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert [path for path in _PATH.findall(prose(page)) if not (ROOT / path).exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            left += [target for target, _ in links(page)]
    assert [named(page) for page in PAGES if page not in reached] == []


def test_the_index_names_every_page_of_the_documentation() -> None:
    docs = ROOT / "docs"
    named_there = {target.name for target, _ in links(docs / "README.md")}
    assert named_there == {page.name for page in docs.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=named)
def test_a_page_of_the_documentation_asks_its_question_first(page: Path) -> None:
    if page.name not in ("README.md", "experiments.md"):
        _, first, *_ = page.read_text().split("\n\n")
        assert "?" in first
