"""`retrain completion`: the script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse

from retrain_api.extras import require

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain completion` takes."""
    parser.description = (
        "Prints the script that completes commands, options and files in a shell. Put it where that shell looks, such as "
        "`retrain completion bash >~/.local/share/bash-completion/completions/retrain`."
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def run(args: argparse.Namespace) -> int:
    """Print it. Raises ConfigurationError("NotInstalled") without the extra `completion`."""
    require("completion")
    import shtab

    print(shtab.complete(args.parser_of_all(), shell=args.shell))
    return 0
