"""The CronJob of docs/schedules.md as it is printed there, with the operator's image: it trains a finished run anew."""

from __future__ import annotations

import yaml
from support.kind_cluster import ROOT
from support.life import entry_of
from support.team import Team

SYMBOL = "USD1A-USDT"


def printed() -> list[dict]:
    """The documents of the YAML below the heading."""
    page = (ROOT / "docs" / "schedules.md").read_text().split("\n## A CronJob of your own\n")[1]
    return list(yaml.safe_load_all(page.split("```yaml\n")[1].split("```")[0]))


def test_a_cron_job_trains_a_finished_run_anew(team: Team) -> None:
    team.apply("nightly", symbols=[SYMBOL])
    before = entry_of(team.ends("Promoted", name="nightly"), SYMBOL)
    for document in printed():
        document["metadata"]["namespace"] = team.namespace
        team.apply_any(document)
    team.kubectl("create", "job", "tonight", "--from=cronjob/nightly")
    team.kubectl("wait", "job/tonight", "--for=condition=Complete", "--timeout=120s")
    assert "nightly is trained anew." in team.kubectl("logs", "job/tonight")
    status = team.until(lambda found: found.get("lastHandledRerun") and found["state"] == "Promoted", name="nightly")
    assert entry_of(status, SYMBOL)["trainKey"] != before["trainKey"]
