"""A schedule proves itself on past slots of real candles, promotes, skips a slot without new bars, and trains when bars arrive."""

from __future__ import annotations

import json
from datetime import timedelta

from support.closed_candles import DATA, NAME, PROVEN_ON_THREE, SYMBOL, TEMPLATE, closed
from support.kind_cluster import BUCKET, Body, until
from support.team import Team

DAY = timedelta(days=1)
RTS = "retrainschedule"


def status(team: Team) -> Body:
    """The schedule's status, by kubectl."""
    return dict(json.loads(team.kubectl("get", RTS, "every-minute", "-o", "json")).get("status") or {})


def said(team: Team) -> str:
    return team.kubectl("get", RTS, "every-minute", "-o", "yaml") + team.pods_said()


def ended(team: Team, *states: str) -> list[Body]:
    """Its recent runs that ended so, the oldest first."""
    return [one for one in reversed(status(team).get("recent", ())) if one["state"] in states]


def after(first: Body, ended: list[Body]) -> Body:
    """The first of these of a later slot; empty where there is none."""
    return next((one for one in ended if one["slot"] > first["slot"]), {})


def test_a_schedule_proves_itself_promotes_skips_and_trains_again_by_kubectl_alone(team: Team) -> None:
    folder = f"closed-{team.namespace}"
    team.store.put(f"{folder}/{NAME}", closed(before=DAY))
    spec = team.spec(**TEMPLATE, data={"uri": f"s3://{BUCKET}/{folder}/", **DATA})
    team.apply_any(
        {
            "apiVersion": "retrain.crpbot.dev/v1alpha1",
            "kind": "RetrainSchedule",
            "metadata": {"name": "every-minute", "namespace": team.namespace},
            "spec": PROVEN_ON_THREE | {"runTemplate": {"spec": spec}},
        }
    )
    team.kubectl("wait", f"{RTS}/every-minute", "--for=condition=Proven", "--timeout=240s")
    assert status(team)["walkForward"]["passed"] == 3
    assert team.store.list(f"{team.namespace}/promoted/") == [], "no replay promotes"

    first, *_ = until(lambda: ended(team, "Promoted"), lambda: said(team))
    pointer = json.loads(team.store.read(f"{team.namespace}/promoted/{SYMBOL}.json"))
    assert pointer["testedUntil"] <= first["slot"]

    skipped = until(lambda: after(first, ended(team, "Skipped")), lambda: said(team))
    assert "NoNewBars" in team.kubectl("describe", "rtr", skipped["run"])

    team.store.put(f"{folder}/{NAME}", closed())
    until(lambda: ended(team, "Promoted", "Rejected")[1:], lambda: said(team))
    team.kubectl("patch", RTS, "every-minute", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    until(lambda: status(team)["state"] == "Suspended", lambda: said(team))
    columns = team.kubectl("get", RTS, "every-minute", "--no-headers")
    assert "* * * * *" in columns and "Suspended" in columns
