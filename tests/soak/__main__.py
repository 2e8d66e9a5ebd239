"""Half an hour of ordinary disasters on a real cluster, and what was lost by them: nothing, or this ends with 1.

    python -m soak [--seed N] [--minutes 30] [--runs 18]

The seed is printed; the same one draws the same steps again.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence

from support.kind_cluster import Store, stand_up
from support.team import new_team, put_candles

from .disturbances import Step, drawn
from .losses import Seen, losses
from .world import World, state

SETTLE = 900.0
"""Seconds until a run that has not ended after the last step counts as lost."""
LOOK = 10.0
"""Seconds between two looks at the store and the operator's memory."""


def main(arguments: Sequence[str]) -> int:
    """Its exit code."""
    parser = argparse.ArgumentParser(prog="soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="replays a soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=18, help="that arrive in these minutes")
    asked = parser.parse_args(arguments)
    cluster = stand_up(os.environ.get("RETRAIN_CLUSTER", "retrain-test"))
    with Store(cluster) as store:
        put_candles(store)
        world = World(new_team(cluster, store, f"soak-{secrets.token_hex(3)}"))
        seen = soak(world, drawn(asked.seed, 60 * asked.minutes, asked.runs))
    said = losses(seen)
    print(report(asked, seen, said))
    if not said:
        cluster.kubectl("delete", "namespace", world.team.namespace, "--wait=false")
    return 1 if said else 0


def soak(world: World, steps: Sequence[Step]) -> Seen:
    """Do every step at its time, then wait until all has ended."""
    began = time.monotonic()
    for step in steps:
        while (left := began + step.at - time.monotonic()) > 0:
            world.look()
            time.sleep(min(LOOK, max(left, 0.0)))
        done = world.do(step)
        print(f"[{time.monotonic() - began:6.0f}] {step.what}{' over' if step.over else ''}: {done or '-'}", flush=True)
    world.calm()
    world.settle(SETTLE)
    return world.seen()


def report(asked: argparse.Namespace, seen: Seen, said: Sequence[str]) -> str:
    """For a person."""
    states = Counter(state(dict(run)) for run in seen.runs)
    lines = [
        f"seed {asked.seed}, {asked.minutes:g} minutes, {len(seen.runs)} runs: "
        + ", ".join(f"{count} {what}" for what, count in states.most_common()),
        f"{len(seen.written)} trainings left a result; the operator took {statistics.median(seen.memory or [0]):.0f} MB",
        *(f"LOST: {one}" for one in said),
        f"{len(said)} losses" if said else "no losses",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
