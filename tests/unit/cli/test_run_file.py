"""A file means the same to `retrain run` as to kubectl. What is expected here is what sigs.k8s.io/yaml 1.6 answers."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest

from retrain_api.errors import ConfigurationError
from retrain_cli.inputs.run_file import documents, load_run, load_run_or_template, load_schedule

RUN = """
apiVersion: retrain.crpbot.dev/v1alpha1
kind: RetrainRun
metadata: {name: nightly}
spec:
  symbols: [BTC-USD]
  data: {uri: "s3://bucket/features/"}
  artifacts: {uri: "s3://bucket/models/"}
  training: {weightDecay: 1e-6}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-6", 0.000001),
        ("1E-06", 0.000001),
        ("1e+3", 1000),
        ("1E3", 1000),
        ("1.5e3", 1500),
        (".5", 0.5),
        ("5.", 5),
        ("-.5", -0.5),
        ("+1", 1),
        ("017", 15),
        ("-017", -15),
        ("0o17", 15),
        ("0o8", "0o8"),
        ("08", 8),
        ("00", 0),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("0x", "0x"),
        ("0xg", "0xg"),
        ("0b101", 5),
        ("0b102", "0b102"),
        ("1_000", 1000),
        ("1_000e3", 1000000),
        ("1_0.5", 10.5),
        ("0_7", 7),
        ("_1", "_1"),
        ("1,000", "1,000"),
        ("1e", "1e"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("12345678901234567890", 12345678901234567890),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("yes", True),
        ("No", False),
        ("on", True),
        ("OFF", False),
        ("y", True),
        ("N", False),
        ("TRUE", True),
        ("tRue", "tRue"),
        ('"yes"', "yes"),
        ("'1e-6'", "1e-6"),
        ("!!str 1", "1"),
        ('!!int "3"', 3),
        ("~", None),
        ("Null", None),
        ("", None),
        ("''", ""),
        ("=", "="),
        ("NaN", "NaN"),
        (".inf", math.inf),
    ],
)
def test_a_scalar_is_what_kubectl_takes_it_for(written: str, meant: object) -> None:
    (document,) = documents(f"x: {written}", "f.yaml")
    assert document["x"] == meant
    assert isinstance(document["x"], bool) == isinstance(meant, bool)


@pytest.mark.parametrize(
    ("written", "key"), [("1", "1"), ("true", "true"), ("yes", "true"), ("1.5", "1.5"), ("a", "a")]
)
def test_a_key_is_text(written: str, key: str) -> None:
    assert documents(f"{written}: b", "f.yaml") == [{key: "b"}]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml line 3, column 1: a is written twice."),
        ("spec:\n  model:\n    layers: 1\n    layers: 2\n", "f.yaml line 4, column 5: layers is written twice."),
        ('1: a\n"1": b\n', "f.yaml line 2, column 1: 1 is written twice."),
        ("true: a\nyes: b\n", "f.yaml line 2, column 1: true is written twice."),
        ("base: &b {x: 1}\nmine: {<<: *b, x: 2}\n", "f.yaml line 2, column 16: x is written twice."),
        ("a: [1, 2\nb: 3\n", "f.yaml line 2"),
        ("a:\n\t- 1\n", "f.yaml line 2, column 1: found character '\\t' that cannot start any token."),
        ("a: *nowhere\n", "f.yaml line 1, column 4: found undefined alias 'nowhere'."),
        ("a: &a [*a]\n", "f.yaml line 1"),
        ("? [a]\n: b\n", "f.yaml line 1, column 3: a key must be a plain word."),
        ("~: b\n", "f.yaml line 1, column 1: a key must be a plain word."),
        ("a: !!python/object/apply:os.system [ls]\n", "f.yaml line 1, column 4"),
        ("a: !!int x\n", "f.yaml: a value does not fit the tag before it"),
        ("a: !!bool x\n", "f.yaml: a value does not fit the tag before it"),
        ("a: " + "[" * 3000, "f.yaml: it is nested too deeply."),
    ],
)
def test_what_is_not_yaml_is_one_sentence_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents(text, "f.yaml")
    assert caught.value.message.startswith(sentence)
    assert "\n" not in caught.value.message


def test_a_receiver_with_the_word_that_yaml_takes_for_true_is_told_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "retrain.yaml"
    path.write_text(RUN + "  notify:\n    - {name: ops, secretName: chat, on: [Promoted]}\n")
    with pytest.raises(ConfigurationError) as refused:
        load_run(path)
    assert "spec.notify[0].true: unknown field; did you mean when?" in refused.value.message


def test_a_run_is_read_with_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "retrain.yaml"
    path.write_text(RUN)
    assert load_run(path).spec.training.weight_decay == 0.000001


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(RUN))
    assert load_run("-").metadata.name == "nightly"


@pytest.mark.parametrize(
    "text",
    [
        f"---\n{RUN}---\n",
        f"# only a comment\n---\n{RUN}",
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: aws}}\n---\n{RUN}",
        "\ufeff" + RUN.lstrip(),
    ],
)
def test_other_documents_and_empty_ones_are_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "retrain.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_run(path).metadata.name == "nightly"


@pytest.mark.parametrize(
    ("content", "reason", "sentence"),
    [
        (None, "FileNotFound", "PATH does not exist; give the YAML file of a RetrainRun."),
        (b"", "NotOneRun", "PATH has no RetrainRun; exactly one is expected."),
        (b"- a\n- b\n", "NotOneRun", "PATH has no RetrainRun; exactly one is expected."),
        (b"kind: Secret\n", "NotOneRun", "PATH has no RetrainRun; exactly one is expected."),
        (b"kind: RetrainRuns\n", "NotOneRun", "PATH: there is no kind RetrainRuns; did you mean RetrainRun?"),
        (b"kind: retrainrun\n", "NotOneRun", "PATH: there is no kind retrainrun; did you mean RetrainRun?"),
        (b"kind: [RetrainRun]\n", "NotOneRun", "PATH has no RetrainRun; exactly one is expected."),
        (f"{RUN}---{RUN}".encode(), "NotOneRun", "PATH has 2 RetrainRun; exactly one is expected."),
        (b"\xff\xfe\x00", "Unreadable", "PATH cannot be read: it is not UTF-8 text."),
        (b"kind: RetrainRun\nkind: RetrainRun\n", "BadYaml", "PATH line 2, column 1: kind is written twice."),
    ],
)
def test_a_file_without_exactly_one_run_is_refused(
    content: bytes | None, reason: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "retrain.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_run(path)
    assert (caught.value.reason, caught.value.message) == (reason, sentence.replace("PATH", str(path)))


SCHEDULE = f"""
apiVersion: retrain.crpbot.dev/v1alpha1
kind: RetrainSchedule
metadata: {{name: every-night}}
spec:
  schedule: "0 3 * * *"
  runTemplate:
    spec:{RUN.partition("spec:")[2].replace(chr(10), chr(10) + "    ")}
"""
BOTH = f"{RUN}---{SCHEDULE}"


@pytest.mark.parametrize("text", [SCHEDULE, BOTH], ids=["alone", "beside a run"])
def test_a_schedule_is_read_from_the_file_that_has_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "schedule.yaml"
    path.write_text(text)
    schedule = load_schedule(path)
    assert schedule.metadata.name == "every-night"
    assert schedule.spec.run_template.spec.training.weight_decay == 0.000001


def test_each_command_takes_its_own_kind_of_a_file_with_both(tmp_path: Path) -> None:
    path = tmp_path / "both.yaml"
    path.write_text(BOTH)
    assert (load_run(path).metadata.name, load_schedule(path).metadata.name) == ("nightly", "every-night")
    assert load_run_or_template(path) == load_run(path)


@pytest.mark.parametrize(
    ("load", "text", "sentence"),
    [
        (
            load_run,
            SCHEDULE,
            "it is a RetrainSchedule, not a RetrainRun; `retrain schedule run -f PATH` carries it out.",
        ),
        (load_schedule, RUN, "it is a RetrainRun, not a RetrainSchedule; `retrain run -f PATH` carries it out."),
        (load_schedule, "kind: RetrainScedule", "there is no kind RetrainScedule; did you mean RetrainSchedule?"),
    ],
)
def test_a_file_of_the_other_kind_is_answered_with_the_command_that_takes_it(
    load: Any, text: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert caught.value.message == f"{path}: {sentence}".replace("PATH", str(path))


def test_who_asks_where_the_models_are_takes_the_run_of_a_schedule(tmp_path: Path) -> None:
    path = tmp_path / "schedule.yaml"
    path.write_text(SCHEDULE)
    run = load_run_or_template(path)
    assert (run.metadata.name, run.spec) == ("every-night", load_schedule(path).spec.run_template.spec)


def test_a_wrong_field_of_a_template_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "schedule.yaml"
    path.write_text(SCHEDULE.replace("weightDecay: 1e-6", "epocs: 3"))
    with pytest.raises(ConfigurationError, match=r"spec\.runTemplate\.spec\.training\.epocs"):
        load_schedule(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("symbols: [BTC-USD]", "symbols: BTC-USD", ["spec.symbols"]),
        ("weightDecay: 1e-6", "weightDecay: -1, epocs: 3", ["spec.training.weightDecay", "spec.training.epocs"]),
        ("weightDecay: 1e-6", "weightDecay: .nan", ["spec.training.weightDecay"]),
        ("weightDecay: 1e-6", "deterministic: 'yes'", ["spec.training.deterministic"]),
        ("metadata: {name: nightly}", "metadata: {}", ["metadata.name"]),
    ],
)
def test_each_wrong_field_is_a_sentence_that_names_file_and_field(
    old: str, new: str, named: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "retrain.yaml"
    path.write_text(RUN.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_run(path)
    lines = caught.value.message.splitlines()
    assert len(lines) == len(named)
    assert all(any(line.startswith(f"{path}: ") and field in line for line in lines) for field in named)


def test_the_loader_leaves_other_users_of_yaml_alone() -> None:
    import yaml

    unchanged: Any = yaml.safe_load("{a: 1e-6, b: 2026-01-02, c: y}")
    assert unchanged["a"] == "1e-6"
    assert unchanged["b"].year == 2026
    assert unchanged["c"] == "y"


@pytest.mark.parametrize("value", ["@daily", "*/5 * * * *", "* 3 * * 6"])
def test_a_schedule_without_its_quotes_is_told_to_get_them(tmp_path: Path, value: str) -> None:
    file = tmp_path / "schedule.yaml"
    file.write_text(f"kind: RetrainSchedule\nspec:\n  schedule: {value}  # each week\n")
    with pytest.raises(ConfigurationError) as refused:
        load_schedule(file)
    assert refused.value.message.endswith(f'the value must be in quotes: schedule: "{value}".')
    assert refused.value.message.startswith(f"{file} line 3, column ")
