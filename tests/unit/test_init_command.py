"""What `retrain init` writes: a valid run as it stands, and with every default and example brought to light."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from retrain_api.errors import ConfigurationError
from retrain_api.keys import evaluate_key, train_key
from retrain_api.run import RetrainRun, parse_run
from retrain_api.spec import RetrainRunSpec
from retrain_cli import init_command
from retrain_cli.init_command import starter

SYMBOLS = ["BTC-USD", "ETH-USD"]


def uncommented(text: str) -> str:
    """Without the # of every default and example."""
    return re.sub(r"^( *)#(?=[^ #\n])", r"\1", text, flags=re.MULTILINE)


def without_examples(text: str) -> str:
    """Without the lines that show an unset field."""
    return "\n".join(line for line in text.splitlines() if not line.endswith("example"))


def parsed(text: str) -> RetrainRun:
    return parse_run(yaml.safe_load(text))


def run_init(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    init_command.add_arguments(parser)
    return init_command.run(parser.parse_args(arguments))


def field_names(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


@pytest.mark.parametrize("symbols", [["BTC-USD"], SYMBOLS, ["1INCH-USD", "BTC-USD", "ETH-USD", "SOL-USD"]])
def test_the_file_is_a_valid_run_as_it_stands(symbols: list[str]) -> None:
    run = parsed(starter("nightly", symbols, "retrain.yaml"))
    assert (run.metadata.name, run.spec.symbols) == ("nightly", tuple(symbols))


def test_what_is_commented_out_is_the_default() -> None:
    text = starter("nightly", SYMBOLS, "retrain.yaml")
    plain, everything = parsed(text), parsed(without_examples(uncommented(text)))
    assert everything.spec == plain.spec
    for symbol in SYMBOLS:
        assert train_key(everything.spec, symbol) == train_key(plain.spec, symbol)
        assert evaluate_key(everything.spec, symbol) == evaluate_key(plain.spec, symbol)


@pytest.mark.parametrize("symbols", [["BTC-USD"], SYMBOLS])
def test_every_example_is_valid_and_says_something_else_than_the_default(symbols: list[str]) -> None:
    text = starter("nightly", symbols, "retrain.yaml")
    spec, plain = parsed(uncommented(text)).spec, parsed(text).spec
    shown = uncommented(text)
    examples = [line for line in shown.splitlines() if line.endswith("example")]
    assert len(examples) > 20
    for line in examples:
        less = parsed(shown.replace(line + "\n", "")).spec
        assert less != spec, f"without {line.strip()!r} the run is the same"
    assert spec.credentials is not None and plain.credentials is None


def test_every_default_is_there_to_be_uncommented() -> None:
    text = starter("nightly", SYMBOLS, "retrain.yaml")
    lines = [line for line in without_examples(text).splitlines() if re.match(r" *#[^ #\n]", line)]
    given = yaml.safe_load(without_examples(uncommented(text)))["spec"]
    full = parsed(text).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    missing = [
        f"{section}.{field}"
        for section in ("label", "split", "model", "training", "evaluation", "promotion")
        for field in full[section]
        if field not in given[section]
    ]
    assert missing == []
    assert len(lines) > 50


def test_no_field_of_the_spec_is_left_out() -> None:
    words = set(re.findall(r"\w+", starter("nightly", SYMBOLS, "retrain.yaml")))
    assert sorted(set(field_names(RetrainRunSpec)) - words) == []


@pytest.mark.parametrize("name", ["1e6", "null", "on", "123", "0x1f", "a.b-c", "true"])
def test_a_name_is_read_back_as_the_string_it_is(name: str) -> None:
    text = starter(name, SYMBOLS, "retrain.yaml")
    assert parsed(text).metadata.name == name
    if name[0].isdigit():
        assert f'name: "{name}"' in text  # kubectl reads more spellings as numbers than PyYAML


@pytest.mark.parametrize(
    ("name", "symbols", "field"),
    [
        ("Nightly", SYMBOLS, "metadata.name"),
        ("a: b", SYMBOLS, "metadata.name"),
        ("", SYMBOLS, "metadata.name"),
        ("nightly", ["btc-usd"], r"spec.symbols\[0\]"),
        ("nightly", [], "spec.symbols"),
        ("nightly", ["BTC-USD", "BTC-USD"], "spec.symbols"),
    ],
)
def test_what_no_run_can_have_is_refused_by_its_field(name: str, symbols: list[str], field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        starter(name, symbols, "retrain.yaml")


def test_the_file_is_written_and_named_in_its_own_first_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nightly.yaml"
    assert run_init("nightly", "--symbols", "BTC-USD, ETH-USD", "-o", str(path)) == 0
    text = path.read_text()
    assert parsed(text).spec.symbols == ("BTC-USD", "ETH-USD")
    assert f"retrain run -f {path}" in text
    assert f"retrain doctor -f {path}" in capsys.readouterr().out
    assert [entry.name for entry in tmp_path.iterdir()] == ["nightly.yaml"]


def test_a_file_that_is_there_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "retrain.yaml"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="--force") as refused:
        run_init("-o", str(path))
    assert refused.value.reason == "FileExists"
    assert path.read_text() == "mine"
    assert run_init("-o", str(path), "--force") == 0
    assert parsed(path.read_text()).metadata.name == "improved-lstm"
    assert [entry.name for entry in tmp_path.iterdir()] == ["retrain.yaml"]


@pytest.mark.parametrize("where", ["missing/retrain.yaml", "."])
def test_a_place_that_takes_no_file_is_one_sentence(tmp_path: Path, where: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be written|is a folder"):
        run_init("-o", str(tmp_path / where))
    assert list(tmp_path.iterdir()) == []


def test_a_dash_prints_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_init("-o", "-") == 0
    assert parsed(capsys.readouterr().out).spec.symbols == ("BTC-USD", "ETH-USD", "SOL-USD")
