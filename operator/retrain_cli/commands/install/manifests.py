"""`retrain manifests`: the definitions and the manifests of this release, for whoever has the wheel and no clone.

What kustomize builds of manifests/ lies beside the package, written by manifests/generate.py; a test holds it against
`kubectl kustomize`. The definitions come from the models, as those in crds/ do.
"""

from __future__ import annotations

import argparse
from importlib.resources import files

OVERLAYS = ("kind", "nvidia", "one-namespace", "prometheus", "approval")
BASE = "base"
PARTS = ("crds", "manifests")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain manifests` takes."""
    parser.description = (
        "Prints the CustomResourceDefinitions and the manifests of the operator, as `kubectl kustomize` builds them of crds and "
        "manifests/base, or of an overlay of it."
    )
    parser.add_argument(
        "--overlay", choices=OVERLAYS, help="an overlay; approval is the policy of who may approve, alone"
    )
    parser.add_argument("--only", choices=PARTS, help="the definitions alone, or the manifests without them")


def run(args: argparse.Namespace) -> int:
    """Print them, a document after the other."""
    print("---\n".join(documents(args.overlay, args.only)), end="")
    return 0


def documents(overlay: str | None, only: str | None) -> list[str]:
    """The definitions, which have to be there before a run is, and the manifests."""
    from retrain_cli.display.definition import every_definition

    with_definitions = only == "crds" if only else overlay != "approval"
    built = [] if only == "crds" else [manifests(overlay or BASE)]
    return [*(every_definition().values() if with_definitions else ()), *built]


def manifests(name: str) -> str:
    """What kustomize builds of manifests/base, manifests/approval or an overlay."""
    return (files("retrain_cli") / "manifests" / f"{name}.yaml").read_text(encoding="utf-8")
