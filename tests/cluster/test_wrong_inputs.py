"""Keys, buckets and files that are wrong, missing, or change under a run: named, not retried, nothing half-written."""

from __future__ import annotations

from support.kind_cluster import BUCKET, until
from support.life import entry_of
from support.team import FEATURES, FILES, LONG, SYMBOLS, Team, secret


def test_what_can_never_work_is_named_and_not_tried_again(team: Team) -> None:
    bad = team.store.keys | {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    team.apply_any(secret(team.namespace, "wrong", bad))
    wrong = {
        "wrong-key": ({"credentials": {"secretName": "wrong"}}, ("CredentialsRefused",), "check key and secret"),
        "no-bucket": ({"data": {"uri": "s3://nowhere/x/", **FILES}}, ("BucketNotFound",), "nowhere"),
        "no-file": ({"data": {"uri": f"s3://{BUCKET}/none/", **FILES}}, ("ObjectNotFound",), "none/candles"),
    }
    for name, (spec, _, _) in wrong.items():
        team.apply(name, symbols=["USD1A-USDT"], **spec)
    for name, (_, reasons, words) in wrong.items():
        entry = team.ends("Failed", name=name)["symbols"][0]
        assert entry["state"] == "Failed"
        assert entry["reason"] in reasons, entry
        assert words in entry["message"]
        assert "Traceback" not in entry["message"]
    pods = team.pods("train")
    assert len(pods) == len(wrong), [pod["metadata"]["name"] for pod in pods]
    assert [key for key in team.store.list(f"{team.namespace}/") if key.endswith(".pt")] == []


def test_a_model_that_is_gone_and_a_file_that_changed_are_named_and_the_third_is_promoted(team: Team) -> None:
    folder = f"{team.namespace}/features"
    for symbol in SYMBOLS:
        name = f"candles_{symbol}_5m.parquet"
        team.store.put(f"{folder}/{name}", team.store.read(f"{FEATURES}/{name}"))
    team.apply(
        data={"uri": f"s3://{BUCKET}/{folder}/", **FILES},
        parallelism=1,
        training={**LONG, "epochs": 15},
        gate={**team.spec()["gate"], "minPassed": 1},
    )
    gone = team.until_symbol("USD1A-USDT", lambda entry: "result" in entry)["result"]["model"]["uri"]
    team.store.delete(gone)
    team.until_symbol("USD1B-USDT", lambda entry: "result" in entry)
    team.store.put(
        f"{folder}/candles_USD1B-USDT_5m.parquet", team.store.read(f"{FEATURES}/candles_USD1C-USDT_5m.parquet")
    )
    status = team.ends("Promoted", "Failed", "Rejected")
    assert (status["state"], status["promoted"]) == ("Promoted", "USD1C-USDT"), status
    model, data = entry_of(status, "USD1A-USDT"), entry_of(status, "USD1B-USDT")
    assert (model["state"], model["reason"]) == ("Failed", "ModelNotFound")
    assert gone in model["message"]
    assert (data["state"], data["reason"]) == ("Failed", "DataChanged")
    assert len(team.pods("evaluate")) == 3, "neither is tried again"
    until(lambda: team.running("publish") == [])
    pointers = [key for key in team.store.list(f"{team.namespace}/promoted/") if key.endswith(".json")]
    assert [key.rsplit("/", 1)[1] for key in pointers if "lstm" not in key] == ["USD1C-USDT.json"]
