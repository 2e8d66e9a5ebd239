"""Three minutes of `make soak`: what half an hour of it proves is seen by hand, that it still can be is seen here."""

from __future__ import annotations

import secrets
from dataclasses import replace

from soak.__main__ import soak
from soak.disturbances import drawn
from soak.losses import losses
from soak.world import World
from support.kind_cluster import Cluster, Store
from support.team import new_team

SEED = 8
"""Draws a restart of the API server, the store away for a while, the operator killed twice, and tasks killed."""


def test_three_minutes_of_ordinary_disasters_lose_nothing(cluster: Cluster, store: Store) -> None:
    world = World(new_team(cluster, store, f"soak-{secrets.token_hex(3)}"))
    seen = soak(world, drawn(SEED, seconds=180.0, runs=3))
    # Minutes are too few to say how its memory grows.
    assert losses(replace(seen, memory=())) == []
    assert len(seen.runs) == 3
    cluster.kubectl("delete", "namespace", world.team.namespace, "--wait=false")
