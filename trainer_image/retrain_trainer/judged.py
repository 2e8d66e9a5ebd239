"""How often the test bars have been judged: trying until a model passes is not evidence.

Each model that is measured leaves a small file under `judged/<SYMBOL>/`, whose name says on which bars and by the first
digits of its sha256 which model. So a count is one listing, however many there are, and a model that is measured again
on the same bars counts once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress

from retrain_api.documents import RunRef
from retrain_api.names import judged_folder

from .store import Conflict, Store

_NAME = re.compile(r"(\d{8}T\d{6}Z)-(\d{8}T\d{6}Z)-([0-9a-f]{16})\.json")


def judged_name(first_bar: str, last_bar: str, sha256: str) -> str:
    """File name for a model judged on the bars from `first_bar` to `last_bar` (ISO 8601 in UTC, to the second).

    20250617T000000Z-20250624T000000Z-<first 16 hex digits>.json: in this form times compare as text.
    """
    return f"{_compact(first_bar)}-{_compact(last_bar)}-{sha256[:16]}.json"


def _compact(time: str) -> str:
    return time.replace("-", "").replace(":", "")


def others_judged(names: Iterable[str], own: str) -> int:
    """Models other than that of the file `own` which were judged on some of the same bars; other names are skipped."""
    mine = _NAME.fullmatch(own)
    assert mine is not None, own
    first, last, model = mine.groups()
    found = [match.groups() for name in names if (match := _NAME.fullmatch(name))]
    return len({other for start, end, other in found if start <= last and first <= end} - {model})


def count_and_leave(store: Store, symbol: str, first_bar: str, last_bar: str, sha256: str, run: RunRef) -> int:
    """How many other models these bars have judged before; from now on this one counts too. Raises what the store does."""
    folder, name = judged_folder(symbol), judged_name(first_bar, last_bar, sha256)
    before = others_judged((key.removeprefix(folder) for key in store.list(folder)), name)
    said = {"symbol": symbol, "sha256": sha256, "firstBar": first_bar, "lastBar": last_bar, "run": run.name}
    with suppress(Conflict):  # it was judged on these bars before
        store.write(folder + name, json.dumps(said | {"namespace": run.namespace}).encode(), if_absent=True)
    return before
