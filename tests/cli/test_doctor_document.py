"""The findings of the doctor, for programs."""

from __future__ import annotations

import pytest
import yaml
from support.documents import read_document
from support.local_run import LocalRun


@pytest.mark.parametrize("spec", [{}, {"epochs": 5}], ids=["without data", "an invalid file"])
def test_findings_are_one_document_with_the_exit_code_of_the_lines(local: LocalRun, spec: dict[str, int]) -> None:
    local.spec = spec
    local.write()
    lines, said = (local.command("doctor", "-f", "retrain.yaml", *more) for more in ([], ["--json"]))
    assert (said.returncode, said.stderr) == (lines.returncode, "")
    document = read_document(said.stdout, "Findings")
    assert (document["file"], document["ok"]) == ("retrain.yaml", False)
    failed = [each for each in document["findings"] if each["outcome"] == "Failed"]
    assert failed and all(f"FAILED  {each['subject']}: {each['message']}" in lines.stdout for each in failed)
    assert len(document["findings"]) == sum(
        line.startswith(("ok ", "FAILED", "note ")) for line in lines.stdout.splitlines()
    )


def test_a_file_is_called_by_its_kind(local: LocalRun) -> None:
    schedule = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": "every-night"},
        "spec": {
            "schedule": "@daily",
            "runTemplate": {
                "spec": {"symbols": ["BTC-USD"], "data": {"uri": "file://./"}, "artifacts": {"uri": "file://./models/"}}
            },
        },
    }
    (local.folder / "schedule.yaml").write_text(yaml.safe_dump(schedule))
    said = local.command("doctor", "-f", "schedule.yaml").stdout
    assert said.startswith("ok      file schedule.yaml: a valid RetrainSchedule (every-night)\n")
