"""Examples at the end of each command's help: lines that run as they are printed, in a folder that `retrain init my-run` began."""

from __future__ import annotations

import argparse

Example = tuple[str, str]
"""What it does, and the arguments of `retrain`."""

START: tuple[Example, ...] = (
    ("write a run for the candles in data/", "init my-run"),
    ("look for what would stop it, then run it to its verdict", "doctor -f retrain.yaml"),
    ("", "run -f retrain.yaml"),
    ("read what was measured", "report my-run --open"),
)
"""The examples of `retrain --help`."""

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "run": (
        ("to the verdict; after Ctrl-C or a crash the same command goes on", "run -f retrain.yaml"),
        ("each night on the data as it is now, once for each date", "run -f retrain.yaml --rerun 2026-01-05"),
        ("for programs: the status alone on standard output", "run -f retrain.yaml --json"),
    ),
    "schedule": (
        ("stay, and make a run for each slot; after Ctrl-C the same goes on", "schedule run -f schedule.yaml"),
        ("what is due now, from cron", "schedule run -f schedule.yaml --once"),
        ("state, proof, last runs, next slot", "schedule status every-saturday"),
        ("one run now", "schedule trigger every-saturday"),
        ("go on after a pause, once the cause is mended", "schedule resume every-saturday"),
    ),
    "init": (
        ("from the candles in data/", "init my-run"),
        ("of two symbols, on the CPU", "init my-run --symbols BTC-USD,ETH-USD --device CPU"),
        ("every field with what it is, on standard output", "init my-run --full -o -"),
    ),
    "doctor": (
        ("a line for each check", "doctor -f retrain.yaml"),
        ("the same for programs", "doctor -f retrain.yaml --json"),
    ),
    "explain": (
        ("the sections of a run", "explain spec"),
        ("one section with its fields", "explain spec.model"),
        ("one field", "explain spec.training.epochs"),
    ),
    "observe": (
        ("judge the bars that closed since the promotion", "observe my-run"),
        ("stay, and do so each day; after Ctrl-C the same goes on", "observe my-run --every 1d"),
    ),
    "ls": (
        ("the runs of this machine", "ls"),
        ("those of a namespace of a cluster", "ls --context kind-retrain -n retrain-demo"),
    ),
    "status": (
        ("figures, verdict and what was promoted", "status my-run"),
        ("the same for programs", "status my-run --json"),
    ),
    "logs": (
        ("of the newest phase, of all symbols", "logs my-run"),
        (
            "the training of one symbol, from now on until the run rests",
            "logs my-run BTC-USD --phase train --tail 5 -f",
        ),
    ),
    "report": (
        ("on the terminal", "report my-run"),
        ("the page with plots, in the browser", "report my-run --open"),
        ("as a file", "report my-run -o report.html"),
    ),
    "rerun": (
        ("train anew, on the data as it is now", "rerun my-run"),
        ("at most once for each date", "rerun my-run --token 2026-01-05"),
    ),
    "retry": (
        ("see what failed", "retry my-run --dry-run"),
        ("try it again, once its cause is mended", "retry my-run"),
    ),
    "approve": (
        ("promote the models that wait", "approve my-run --reason 'looked at the drawdown'"),
        ("see what would be answered", "approve my-run --reason 'a try' --dry-run"),
        ("promote against the gate, which stays on record for good", "approve my-run --override --reason 'a try'"),
    ),
    "reject": (("promote nothing of this judgement", "reject my-run --reason 'too few trades'"),),
    "rollback": (
        ("back to the model before", "rollback BTC-USD -f retrain.yaml --reason 'bad fills'"),
        ("the same, in a store", "rollback BTC-USD --artifacts s3://bucket/models/ --reason 'bad fills'"),
    ),
    "import": (
        (
            "kline files of an exchange",
            "import BTCUSDT-1m-2025-01.zip --symbol BTC-USD -o data/",
        ),
        (
            "a CSV file with a name of its own for the times",
            "import aapl.csv --symbol AAPL --column timestamp=Date -o data/",
        ),
    ),
    "features": (
        ("the 31 built-in features of candles", "features candles.parquet -o features.parquet --interval 1h"),
    ),
    "verify": (
        ("a run of this machine", "verify my-run"),
        ("a copy of its report", "verify backup/reports/default/my-run/"),
    ),
    "compare": (
        ("two runs of this machine, on the bars that both were judged on", "compare my-run quickstart"),
        ("two files", "compare old/results.json new/results.json"),
    ),
    "history": (
        ("the last judgements of a run", "history my-run"),
        ("all judgements of a symbol in a store", "history BTC-USD -f retrain.yaml"),
    ),
    "live": (
        ("what was judged of the model in service", "live BTC-USD -f retrain.yaml"),
        ("the same in a store, as a page", "live BTC-USD --artifacts s3://bucket/models/ -o live.html"),
        ("with later bars, of a file like the run's", "live BTC-USD -f retrain.yaml --candles data/btc.parquet"),
    ),
    "gate": (
        ("the same gate again", "gate replay results.json"),
        ("another gate; no GPU and no data are needed", "gate replay results.json --set accuracy=0.7 --min-passed 2"),
    ),
    "backfill": (
        ("ten weeks of a schedule", "backfill -f schedule.yaml --from 2026-01-10 --to 2026-03-14"),
        ("the page as well", "backfill -f schedule.yaml --from 2026-01-10 --to 2026-03-14 -o b.html"),
    ),
    "manifests": (
        ("the definition, before anything else", "manifests --only crds"),
        ("the operator; what it prints is for kubectl apply --server-side -f -", "manifests --only manifests"),
        ("both, for a single namespace", "manifests --overlay one-namespace"),
    ),
    "completion": (("the script for bash", "completion bash"),),
}


def printed(examples: tuple[Example, ...]) -> str:
    """The examples as lines of a shell."""
    lines = (f"{f'  # {what}' if what else ''}\n  retrain {arguments}".lstrip("\n") for what, arguments in examples)
    return "examples:\n" + "\n".join(lines)


class HelpFormatter(argparse.HelpFormatter):
    """Leaves the lines of examples as they are; what stands before them is wrapped as usual."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        words, mark, lines = text.partition("examples:\n")
        filled = super()._fill_text(words, width, indent) if words.strip() else ""
        return "\n\n".join(filter(None, [filled, mark + lines]))

    def add_argument(self, action: argparse.Action) -> None:
        """Counts the indentation of commands too, or the longest of them would stand on a line of its own."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += self._indent_increment
