"""The life of the model in service until now, in the report of the run that would replace it: in both forms, and whatever is missing."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from support.lives import blocks, judge, promoted
from support.publishing_case import measured
from support.report_case import facts, rows, section

from retrain_api.names import observed_folder, report_folder
from retrain_api.observation.blocks import BlockRule
from retrain_trainer.report.sections import render
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "models").mkdir()
    return open_store(f"file://{tmp_path}/models/", {}, 1)


def reports(store: Store) -> tuple[str, str]:
    """The part "Predecessor" of the next run's report.md, and the text of the whole page."""
    pointer = promoted(store, 0.72, version=2, number=2)
    place = report_folder(pointer.run.namespace, pointer.run.name, pointer.run.uid, 2)
    markdown, html = (store.read(f"{place}report.{form}").data.decode() for form in ("md", "html"))
    text = re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", "", html))).replace("\N{NO-BREAK SPACE}", " ")
    return section(markdown, "Predecessor"), text


SENTENCES = {
    "kept": (
        [0.72] * 48,
        "the predecessor promised 71.2 % (95 % interval 70.2 to 72.4 %), and was then right in 72.1 % of the 2,880 judged bars "
        "since its test, up to 2025-06-26 00:16 UTC: Holding.",
    ),
    "fallen": ([0.72] * 48 + [0.5] * 48, "up to 2025-06-28 00:16 UTC: Decaying since 2025-06-26."),
    "a block": ([0.7], "up to 2025-06-24 01:16 UTC: Observing."),
    "never looked at": (
        [],
        "no bar since the test of the predecessor was judged, so nobody knows whether it kept its promise of 71.2 % (95 % interval 70.2 to "
        "72.4 %); spec.observation has that done.",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_both_forms_say_how_it_did(store: Store, case: str) -> None:
    shares, said = SENTENCES[case]
    judge(store, promoted(store), blocks(shares))
    markdown, page = reports(store)
    assert said in markdown.replace("**", "").replace("`", "") and said in page
    found = rows(f"## Predecessor\n{markdown}", "Predecessor", "BTC-USD")
    assert ("Then right" in found[0]) == ("Wealth is what has become of 1" in markdown) == bool(shares)


def test_the_figures_stand_below(store: Store) -> None:
    judge(store, promoted(store), blocks([0.72] * 48 + [0.5] * 96))
    markdown, _ = reports(store)
    (first, *_) = rows(f"## Predecessor\n{markdown}", "Predecessor", "BTC-USD")
    assert first["Promised"] == "71.2 %" and first["Judged bars"] == "8,640"
    assert (first["Held to"], first["Wealth"], first["Alarm at"], first["State"]) == (
        "68 %",
        "\\> 1 million",
        "20",
        "Decaying",
    )


def test_a_damaged_record_is_said_and_keeps_nothing_from_being_promoted(store: Store) -> None:
    first = promoted(store)
    judge(store, first, blocks([0.72] * 48))
    (key,) = store.list(observed_folder("BTC-USD", first.model.sha256))
    store.write(key, b"<script>")
    markdown, page = reports(store)
    said = "what the predecessor has done since its test can't be read: "
    assert f"BTC-USD: {said}" in markdown and said in page
    assert "is not a file of judged blocks" in markdown and "**Promoted**" not in markdown
    assert "Promoted: BTC-USD" in page


def test_a_model_of_an_earlier_release_could_not_be_observed(store: Store) -> None:
    promoted(store, rule=BlockRule())
    markdown, _ = reports(store)
    assert "- BTC-USD: the predecessor could not be observed. An earlier release promoted it" in markdown


def test_of_several_models_what_is_true_of_all_is_said_once() -> None:
    lives = dict.fromkeys(("BTC-USD", "ETH-USD"), "file://m/x is a wreck.")
    text = section(render(facts(dict.fromkeys(lives, measured(0.7)), lives=lives)), "Predecessor")
    assert text.strip() == (
        "- BTC-USD and ETH-USD: what the predecessor has done since its test can't be read: file://m/x is a wreck."
    )
