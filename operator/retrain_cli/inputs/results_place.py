"""Where the results of a run are, and the files that they name.

A folder of artifacts may be copied or mounted somewhere else before it is checked. Its results name files at the place where they
were written, so those are looked for in the store that the results were found in.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError
from retrain_api.names import folder

from .results_file import RESULTS, RecordedRun, load_results
from .run_arguments import named_run


@dataclass(frozen=True)
class FoundResults:
    """Results, the store that holds their artifacts, and a look-up of the files that they name by URI."""

    recorded: RecordedRun
    store: Any
    locate: Any

    def read(self, uri: str) -> bytes:
        """The bytes at a URI. Raises what the store raises."""
        source = self.locate(uri)
        return bytes(source.store.read(source.key).data)


def find_results(args: argparse.Namespace, text: str, environ: Mapping[str, str]) -> FoundResults:
    """The results that `text` stands for: a results.json, a folder with one, the URI of either, or the name of a run.

    Raises NotFoundError and ConfigurationError where there are none, and what the store raises.
    """
    from retrain_trainer.store.credentials import environ_for
    from retrain_trainer.store.locate import locator
    from retrain_trainer.store.open import open_store

    own = environ_for("artifacts", environ)
    uri = _file(_uri(args, text), own)
    recorded = load_results(uri, environ)
    written = folder(str(recorded.spec.get("artifacts", {}).get("uri", "")))
    root = uri.removesuffix(recorded.key) if uri.endswith("/" + recorded.key) else written
    store = open_store(root, own)
    return FoundResults(recorded, store, locator(store, written, own))


def _uri(args: argparse.Namespace, text: str) -> str:
    if "://" in text:
        return text
    path = Path(text)
    if path.exists():
        return f"file://{path.absolute()}"
    if path.suffix == ".json" or "/" in text:
        raise NotFoundError(reasons.RESULTS_NOT_FOUND, f"{text} is not there; give a results.json or its folder.")
    report = named_run(args, text).status.report
    if report is None or report.results is None:
        raise NotFoundError(reasons.RESULTS_NOT_FOUND, f"{text} has no results yet: it was not judged.")
    return report.results


def _file(uri: str, environ: Mapping[str, str]) -> str:
    """The results.json at a URI; in the folder of a run, that of its newest report."""
    from retrain_trainer.store.open import open_store

    if uri.endswith(".json"):
        return uri
    store = open_store(folder(uri), environ)
    found = [key for key in store.list("") if key.split("/")[-1] == RESULTS]
    if RESULTS in found:
        return str(store.uri_of(RESULTS))
    if not found:
        raise NotFoundError(reasons.RESULTS_NOT_FOUND, f"{uri} has no results.json; it is beside the report.")
    runs = {key.rsplit("/", 2)[0] if key.count("/") > 1 else "" for key in found}
    if len(runs) > 1:
        raise ConfigurationError(
            reasons.BAD_RESULTS,
            f"{uri} has the results of {len(runs)} runs; name one, such as {uri.rstrip('/')}/{found[0]}.",
        )
    return str(store.uri_of(max(found, key=_number)))


def _number(key: str) -> int:
    number = key.split("/")[-2]
    return int(number) if number.isdecimal() else 0
