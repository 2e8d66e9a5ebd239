"""One model's life from its training to its fall, by the real tasks on a file store: the numbers behind tests/cluster/test_observation.py."""

from __future__ import annotations

import json
import math
from itertools import groupby
from pathlib import Path

from support.promoted_model import promoted
from support.turning_market import GOOD, LEARNT, TURNED

from retrain_api.documents.results import Looked
from retrain_api.observation.betting import alarm_line

MIN_BARS = 100
"""What `observation.minBars` is when unset."""


def word(found: Looked) -> str:
    """What the operator makes of it, for a run of one symbol."""
    assert not found.problem, found
    line = math.log(alarm_line(1))
    if found.bars < MIN_BARS:
        return "Observing"
    if found.peak >= line:
        return "Decaying"
    return "BelowPromise" if (found.promise or 0.0) >= line else "Holding"


def test_it_holds_while_the_market_is_what_it_was_and_decays_once_it_turns(tmp_path: Path) -> None:
    life = promoted(tmp_path)
    nothing = life.look(LEARNT)
    assert (word(nothing), nothing.bars, nothing.blocks) == ("Observing", 0, 0)

    good = life.look(LEARNT + GOOD)
    assert word(good) == "Holding"
    # Sixty blocks of six bars, of which the last awaits its outcome; ties are no bars.
    assert (good.blocks, good.late) == (GOOD // 6 - 1, 0) and 300 <= good.bars < GOOD
    assert good.accuracy is not None and good.accuracy > 0.65
    assert good.peak < 1.5, "far from the line, which is at 3.0"

    before = life.record()
    fallen = life.look(LEARNT + GOOD + TURNED)
    assert word(fallen) == "Decaying"
    assert fallen.accuracy is not None and fallen.accuracy < 0.55
    assert fallen.peak > 10, "far beyond the line: a cluster's other CPU makes no difference"
    assert fallen.days_to_see is not None and fallen.days_to_see < 1
    after = life.record()
    assert before.items() <= after.items(), "what was judged is frozen"
    blocks = [block["first"] for name in after for block in json.loads(after[name])["blocks"]]
    assert len(blocks) == fallen.blocks and blocks == sorted(set(blocks))

    # Looked at again, and with one more bar that makes no block whole: nothing new is said or written.
    again = life.look(LEARNT + GOOD + TURNED)
    assert again == fallen.model_copy(update={"newest": again.newest})
    assert life.record() == after


def test_how_often_it_is_looked_at_makes_no_difference(tmp_path: Path) -> None:
    once, often = promoted(tmp_path / "once"), promoted(tmp_path / "often")
    words = [word(often.look(LEARNT + GOOD + rows)) for rows in range(-GOOD, TURNED + 1, 100)]
    assert (words[0], words[-1]) == ("Observing", "Decaying")
    assert [key for key, _ in groupby(words)] in (
        ["Observing", "Holding", "Decaying"],
        ["Observing", "Holding", "BelowPromise", "Decaying"],
    )
    rows = LEARNT + GOOD + TURNED
    when = {"promoted_at": None}
    assert once.look(rows).model_copy(update=when) == often.look(rows).model_copy(update=when)
    assert len(often.record()) > len(once.record()) == 1
