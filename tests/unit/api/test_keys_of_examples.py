"""The keys of the runs that we ship, as release 0.1.0 made them: an upgrade trains and measures nothing again.

They were computed with commit 6b2899b, those of 06-window.yaml when `data.window` came, those of 07-every-saturday.yaml when schedules did, those of 08-observed.yaml when observation did. A key that changes here means hours of training for everyone who has such a run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from retrain_api.keys import evaluate_key, train_key
from retrain_api.spec.run import RetrainRunSpec
from retrain_cli.inputs.run_file import load_run_or_template

ROOT = Path(__file__).parents[3]

KEYS = {
    ("examples/01-quickstart.yaml", "BTC-USD"): (
        "ccd543e288baec01",
        "9ac264088d071aac",
        "063a6ee0a1268464",
        "56f52a81c23c918f",
    ),
    ("examples/01-quickstart.yaml", "ETH-USD"): (
        "69abdee06525cebf",
        "2e2b4650cd6fd975",
        "bc69557e153758de",
        "f5b0f1b2b3a728b2",
    ),
    ("examples/01-quickstart.yaml", "SOL-USD"): (
        "1bc69ec03f8667b7",
        "3d90cadb8696d2d3",
        "df9b71d2bcf11e1f",
        "d5caa50dca5d470d",
    ),
    ("examples/02-default-model.yaml", "BTC-USD"): (
        "2afca32e0c7c352e",
        "fa1815c5cf4f6f6d",
        "40f806485e375cb6",
        "f5e3ea22bb17779e",
    ),
    ("examples/02-default-model.yaml", "ETH-USD"): (
        "bcf6fbd2584a5d90",
        "ab780e35e7f308c5",
        "3ae827084da355b6",
        "4d1057b8866c474d",
    ),
    ("examples/02-default-model.yaml", "SOL-USD"): (
        "c38b653935379b6f",
        "e46a1856393c1f1e",
        "cb1c0e815aabbb3b",
        "b2f1721d6bc24176",
    ),
    ("examples/03-s3-gpu.yaml", "BTC-USD"): (
        "a3bbd00f0a60bb76",
        "26ba1f2da635b006",
        "572bb38d61b22b3e",
        "8a82596f1aaba154",
    ),
    ("examples/03-s3-gpu.yaml", "ETH-USD"): (
        "eddaa7477109a7e8",
        "839c84052d1e8b9c",
        "edf1aebb3c38c114",
        "fb70e6faa6511675",
    ),
    ("examples/03-s3-gpu.yaml", "SOL-USD"): (
        "2061c32958a72166",
        "7103230e89ce7585",
        "842f09d37fc80d45",
        "310c2203875c42d7",
    ),
    ("examples/04-manual-approval.yaml", "BTC-USD"): (
        "144bb93019dd948f",
        "2d5ab1c96ab93fed",
        "5705422d7ae20629",
        "4c5c89535807876e",
    ),
    ("examples/04-manual-approval.yaml", "ETH-USD"): (
        "0d3a8b0aafe984d7",
        "82505ee3e2d01a3d",
        "90676b9360fc76b0",
        "314c51cf38420163",
    ),
    ("examples/05-own-gate.yaml", "BTC-USD"): (
        "5eee08c3be2787b9",
        "fff44d708571ab71",
        "af0d9d2670aa8ea5",
        "dc62fdebdc77a3d5",
    ),
    ("examples/05-own-gate.yaml", "ETH-USD"): (
        "9e5427bb09a3b2b2",
        "578d56472f91b454",
        "9847e24beeb78e7a",
        "95945c945e5d942e",
    ),
    ("examples/05-own-gate.yaml", "SOL-USD"): (
        "83d81e12ebb3b149",
        "ffff2714470e6754",
        "e1c69c52c32faffc",
        "e20b63839d06509c",
    ),
    ("examples/06-window.yaml", "BTC-USD"): (
        "132c44330f7e606d",
        "6432355a82aae038",
        "c1ddd3b1ea394ea7",
        "4979521d818d8ec6",
    ),
    ("examples/06-window.yaml", "ETH-USD"): (
        "a3a2b4e56827e7c5",
        "532af086c802e6b1",
        "8e1a57a84d59865f",
        "859f4c75bc38fefe",
    ),
    ("examples/06-window.yaml", "SOL-USD"): (
        "7dcf9da510f1b172",
        "019f8f9e0556555e",
        "7034b711299b2df5",
        "0b1fe166ac580b88",
    ),
    ("examples/07-every-saturday.yaml", "BTC-USD"): (
        "c1f6d248b2e20ec1",
        "bf4e4d99a9af4c2c",
        "a992c51a95a13ed7",
        "870dc8d4516bea52",
    ),
    ("examples/07-every-saturday.yaml", "ETH-USD"): (
        "4fb7a6eaddef7d9a",
        "601699a3a12b0392",
        "594e6a5b3b5f9d47",
        "c57dfb9858cdbcd1",
    ),
    ("examples/07-every-saturday.yaml", "SOL-USD"): (
        "ca8f05dfbe76b30d",
        "fa92086f90ae639a",
        "bf9e5d9a77dc16ce",
        "2b40bc9113c25448",
    ),
    ("examples/08-observed.yaml", "BTC-USD"): (
        "132c44330f7e606d",
        "6432355a82aae038",
        "c1ddd3b1ea394ea7",
        "4979521d818d8ec6",
    ),
    ("examples/08-observed.yaml", "ETH-USD"): (
        "a3a2b4e56827e7c5",
        "532af086c802e6b1",
        "8e1a57a84d59865f",
        "859f4c75bc38fefe",
    ),
    ("examples/08-observed.yaml", "SOL-USD"): (
        "7dcf9da510f1b172",
        "019f8f9e0556555e",
        "7034b711299b2df5",
        "0b1fe166ac580b88",
    ),
    ("manifests/samples/kind.yaml", "BTC-USD"): (
        "9242b1531b0bfee0",
        "9541b81a4475aa05",
        "d801b8c4636718b1",
        "a4ee400704b97df3",
    ),
    ("manifests/samples/kind.yaml", "ETH-USD"): (
        "82b133ed7fe116a4",
        "cf166834e21c8564",
        "2d6949d6dc9934d2",
        "016db892d3a7c510",
    ),
    ("manifests/samples/kind.yaml", "SOL-USD"): (
        "5bcbce9c0485b8a6",
        "528a3aa2045b6a2a",
        "a33d0898d405cebf",
        "a41175cbd2bab339",
    ),
}
"""File and symbol: train key, evaluate key, and both with the rerun token `again`."""


def spec_in(file: str) -> RetrainRunSpec:
    """Of the run in a file, or of those that a schedule makes."""
    return load_run_or_template(ROOT / file).spec


@pytest.mark.parametrize(("file", "symbol"), KEYS)
def test_an_upgrade_changes_no_key(file: str, symbol: str) -> None:
    spec = spec_in(file)
    keys = tuple(key(spec, symbol, rerun) for rerun in (None, "again") for key in (train_key, evaluate_key))
    assert keys == KEYS[file, symbol]


def test_every_symbol_of_every_example_is_here() -> None:
    examples = [file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "examples").glob("*.yaml"))]
    shipped = [
        (file, symbol) for file in (*examples, "manifests/samples/kind.yaml") for symbol in spec_in(file).symbols
    ]
    assert shipped == list(KEYS)
