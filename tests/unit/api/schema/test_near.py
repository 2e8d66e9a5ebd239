"""The field that was meant: near in letters, or the same at another depth."""

from __future__ import annotations

import pytest
from support.planning import run_document

from retrain_api.errors import ConfigurationError
from retrain_api.names import KIND, SCHEDULE_KIND
from retrain_api.run import parse_run
from retrain_api.schema.near import METADATA, suggestion, writable

PLACES: dict[str, tuple[str, str, str]] = {
    "a slip": ("spec.training", "epocs", "did you mean epochs?"),
    "a slip beside the same word elsewhere": ("spec.backups[]", "url", "did you mean uri?"),
    "one level too high": ("spec", "epochs", "epochs belongs in spec.training"),
    "one level too deep": ("spec.data", "symbols", "symbols belongs in spec"),
    "in the section beside": ("spec.training", "testPercent", "testPercent belongs in spec.split"),
    "above the spec": ("", "symbols", "symbols belongs in spec"),
    "of the metadata": ("spec", "name", "name belongs in metadata"),
    "in two places": ("spec", "device", "device belongs in spec.train or spec.evaluate"),
    "in an entry": ("spec.gate", "atLeast", "atLeast belongs in an entry of spec.gate.criteria"),
    "in many places, the first": ("spec", "secretName", "secretName belongs in spec.credentials"),
    "in another section and spelling": ("spec", "hidden_size", "did you mean spec.model.hiddenSize?"),
    "a slip of another section": ("spec.training", "lookback", "did you mean spec.model.lookbackBars?"),
    "nothing near": ("spec", "xyzzy", ""),
    "of the document itself": ("spec", "apiVersion", "apiVersion belongs at the top of the document, beside kind"),
}
IN_A_SCHEDULE: dict[str, tuple[str, str, str]] = {
    "a slip": ("spec", "timezone", "did you mean timeZone?"),
    "as a CronJob has it": ("spec", "successfulJobsHistoryLimit", "did you mean runsHistoryLimit?"),
    "a field of the run": ("spec", "symbols", "symbols belongs in spec.runTemplate.spec"),
    "a spec in the spec": ("spec", "spec", "spec belongs in spec.runTemplate"),
    "metadata in the spec": ("spec", "metadata", "metadata belongs in spec.runTemplate"),
    "of a CronJob": ("spec", "jobTemplate", "did you mean runTemplate?"),
    "somewhat like a name far away": ("spec", "cron", ""),
    "of the proof": ("spec", "slots", "slots belongs in spec.walkForward"),
    "a slip in the run": ("spec.runTemplate.spec.training", "epocs", "did you mean epochs?"),
}


@pytest.mark.parametrize(("parent", "name", "meant"), PLACES.values(), ids=PLACES)
def test_what_was_meant(parent: str, name: str, meant: str) -> None:
    assert suggestion(parent, name, writable()) == meant


@pytest.mark.parametrize(("parent", "name", "meant"), IN_A_SCHEDULE.values(), ids=IN_A_SCHEDULE)
def test_what_was_meant_in_a_schedule(parent: str, name: str, meant: str) -> None:
    assert suggestion(parent, name, writable(SCHEDULE_KIND)) == meant


@pytest.mark.parametrize("kind", [KIND, SCHEDULE_KIND])
def test_every_field_is_found_from_the_top(kind: str) -> None:
    for path in writable(kind):
        parent, _, name = path.rpartition(".")
        found = suggestion("nowhere", name, writable(kind))
        assert found.startswith((f"{name} belongs in ", "did you mean ")) or not parent, path


def test_a_field_at_the_wrong_depth_is_one_sentence_of_the_file() -> None:
    document = run_document()
    document["spec"]["epochs"] = 5
    with pytest.raises(ConfigurationError) as caught:
        parse_run(document)
    assert caught.value.message == "spec.epochs: unknown field; epochs belongs in spec.training"


def test_metadata_is_what_the_run_reads() -> None:
    document = run_document()
    document["metadata"] |= {
        name: {} for name in METADATA[KIND] if name not in document["metadata"] and name != "namespace"
    }
    assert parse_run(document).metadata.name
