"""What runs there are on this machine, and how each stands."""

from __future__ import annotations

from support.documents import read_document
from support.local_run import LocalRun, until


def test_without_a_run_it_says_how_to_start_one(local: LocalRun) -> None:
    said = local.command("ls")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "There is no run here yet: `retrain run -f FILE` starts one; --context looks on a cluster.\n"
    assert read_document(local.command("ls", "--json").stdout, "RunList") == {"runs": []}


def test_a_run_has_a_line(local: LocalRun) -> None:
    local.run()
    head, line = local.command("ls").stdout.splitlines()
    assert head.split() == ["NAMESPACE", "NAME", "STATE", "TRAINED", "GATE", "PROMOTED", "OBSERVED", "ENDED"]
    assert line.split()[:6] == ["default", "nightly", "Promoted", "1/1", "1/1", "Pass"]
    assert line.endswith(" ago")
    assert local.command("ls", "-n", "elsewhere").stdout.startswith("There is no run here yet")
    (document,) = read_document(local.command("ls", "--json").stdout, "RunList")["runs"]
    assert (document["name"], document["state"], document["promoted"]) == ("nightly", "Promoted", "BTC-USD")
    assert document["ended"] == local.status()["completionTime"]


def test_the_status_of_an_ended_run_is_what_the_run_said(local: LocalRun) -> None:
    ended = local.run()
    said = local.command("status", "nightly")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("nightly: Promoted\n")
    assert said.stdout.partition("Report: ")[0] in ended.stdout, "the run names a nearer place of the page"
    document = read_document(local.command("status", "nightly", "--json").stdout, "RunStatus", *local.status())
    assert document == {"namespace": "default", "name": "nightly"} | local.status()


def test_a_run_at_work_tells_how_far_it_is(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 2"}}
    process = local.start()
    try:
        until(lambda: local.journal("BTC-USD", "holds"), "the second epoch")
        until(lambda: local.status()["symbols"][0].get("progress"), "the first epoch is told")
        said = local.command("status", "nightly").stdout
        assert said.startswith("nightly: Training\n  BTC-USD: Training   epoch 1 of 2\n")
        assert "promoted" not in said
        assert local.command("ls").stdout.splitlines()[1].split()[:4] == ["default", "nightly", "Training", "0/1"]
    finally:
        local.let_go()
        process.communicate(timeout=60)


def test_a_run_that_there_is_not_is_a_sentence(local: LocalRun) -> None:
    said = local.command("status", "nightly")
    assert said.returncode == 1
    assert said.stderr.startswith("retrain: No run nightly in namespace default was found in .retrain; ")
