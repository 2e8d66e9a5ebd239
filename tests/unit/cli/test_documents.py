"""Documents for programs: each kind is described, and each command that prints one says so."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from support.documents import PAGE, documented

from retrain_api.status.run import RetrainRunStatus
from retrain_cli.display.document import DocumentKind, document
from retrain_cli.main import COMMANDS

KINDS = get_args(DocumentKind)


def test_the_page_describes_each_kind_and_no_other() -> None:
    assert re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE) == list(KINDS)
    assert all(documented(kind) for kind in KINDS)


def test_the_page_lists_each_command() -> None:
    rows = "".join(re.findall(r"^\| (`retrain .*?) \|", PAGE.read_text(), re.MULTILINE))
    assert set(re.findall(r"`retrain (\w+)`", rows)) == set(COMMANDS)


def test_no_field_of_the_status_has_a_name_that_the_document_gives_to_another() -> None:
    fields = {field.alias or name for name, field in RetrainRunStatus.model_fields.items()}
    assert not fields & ({"schemaVersion", "kind"} | documented("RunStatus"))


def test_what_json_does_not_have_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        document("RunList", runs=[float("nan")])
