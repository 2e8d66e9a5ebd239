"""`retrain live`: what is in service and how it does, as table, page and document; and a sentence where there is nothing to tell."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest
from support.documents import read_document
from support.lives import blocks, judge, promoted

from retrain_api.observation.blocks import BlockRule
from retrain_cli import main
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "models").mkdir()
    return open_store(f"file://{tmp_path}/models/", {}, 1)


def live(store: Store, *more: str, symbol: str = "BTC-USD") -> int:
    return main.main(["live", symbol, "--artifacts", store.uri_of(""), *more])


def test_the_table_has_the_last_days_and_all(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    pointer = promoted(store)
    judge(store, pointer, blocks([0.72] * 24 * 20))
    assert live(store) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "BTC-USD: lstm_BTC_USD_1m_34a6a864.pt of the run default/nightly, promoted at 2025-06-24T02:00:00Z by gate"
    )
    known = dict(line.strip().split("  ", 1) for line in lines[1:] if line.startswith("  ") and line[2].islower())
    assert {name: said.strip() for name, said in known.items()}["promised"] == (
        "71.2 % on 10,000 test bars, 95 % interval 70.2 to 72.4 %"
    )
    assert known["held to"].strip() == "68 %, the bar of its run's gate"
    assert known["alarm at"].strip() == "a wealth of 20, for 1 symbol of its run"
    assert any(line.startswith("Holding: right in 7") for line in lines)
    head = next(i for i, line in enumerate(lines) if line.split()[:1] == ["DAY"])
    assert lines[head].split() == ["DAY", "BARS", "RIGHT", "PROMISE", "BAR", "WEALTH", "STATE"]
    days = [line.split() for line in lines[head + 1 : head + 16]]
    assert [day[0] for day in days] == ["2025-06-30", *(f"2025-07-{day:02}" for day in range(1, 14)), "all"]
    assert {day[-1] for day in days} == {"Holding"}
    assert days[0][1:3] == ["1,440", days[0][2]] and days[-1][1] == "28,800"
    assert lines[-1].startswith("  6 earlier days")


SENTENCES = {
    "nothing judged": ([], "Observing: no bar has been judged since its test. `spec.observation` in its run looks by itself, `retrain observe nightly` makes"),
    "few": ([0.7], "Observing: right in 68.3 % of the 60 judged bars since its test; more is said from 100 judged bars on."),
    "a warning": ([0.69] * 24 * 60, "less than the 70.2 % at the lower end of what its test promised"),
    "fallen": ([0.55] * 72, "On 2025-06-24 the bet that it is right less often than the 68 % that the gate asks for"),
}  # fmt: skip


@pytest.mark.parametrize("case", SENTENCES)
def test_the_sentence_says_why_and_what_to_do(store: Store, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    shares, said = SENTENCES[case]
    pointer = promoted(store)
    judge(store, pointer, blocks(shares))
    assert live(store) == 0
    out = capsys.readouterr().out
    assert said in out
    rollback = f"`retrain rollback BTC-USD --artifacts {store.uri} --reason TEXT`, or train anew."
    assert (rollback in out) == (case == "fallen")


def test_a_model_of_an_earlier_release_is_shown_and_not_judged(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(store, rule=BlockRule())
    assert live(store) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("NotMeasurable. An earlier release promoted it: its card does not say")
    assert "alarm at" not in out


def test_a_rollback_says_who_and_goes_on_with_the_old_record(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    first = promoted(store)
    judge(store, first, blocks([0.72] * 48))
    promoted(store, version=2, number=2)
    roll_back(store, "BTC-USD", None, "ada", "bad fills", "2025-06-26T09:00:00Z")
    assert live(store, "--json") == 0
    document = read_document(capsys.readouterr().out, "Life", "rolledBack.by")
    assert (document["rolledBack"]["by"], document["bars"]) == ("ada", 2_880)
    assert live(store) == 0
    assert "rolled back to at 2025-06-26T09:00:00Z by ada: bad fills" in capsys.readouterr().out


@pytest.mark.parametrize("shares", [[], [0.72] * 48 + [0.3] * 96], ids=["nothing judged", "fallen"])
def test_the_document_has_each_day(store: Store, shares: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    pointer = promoted(store)
    judge(store, pointer, blocks(shares))
    assert live(store, "--json", "--accuracy", "0.6") == 0
    found = read_document(capsys.readouterr().out, "Life")
    assert (found["bar"], found["barOf"], found["alarm"], found["symbols"]) == (0.6, "given", 20.0, 1)
    assert found["promised"] == {"accuracy": 0.712, "bars": 10_000, "low": 0.702, "high": 0.724}
    assert found["model"]["sha256"] == pointer.model.sha256
    assert (found["state"], len(found["days"]), found["bars"], found["judgedNow"]) == (
        ("Decaying", 6, 60 * 144, 0) if shares else ("Observing", 0, None, 0)
    )
    assert found["alarmedOn"] == ("2025-06-26" if shares else None)


def test_the_page_is_written_beside(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judge(store, promoted(store), blocks([0.72] * 48))
    page = tmp_path / "live.html"
    assert live(store, "-o", str(page)) == 0
    assert capsys.readouterr().out.endswith(f"Page: {page}\n")
    assert "<title>BTC-USD: Holding, live</title>" in page.read_text()
    assert live(store, "-o", str(page)) == 2
    assert "already exists" in capsys.readouterr().err
    assert live(store, "-o", str(page), "--force", "--json") == 0
    read_document(capsys.readouterr().out, "Life")


def test_the_page_is_opened(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda place: bool(places.append(place) or place))
    promoted(store)
    assert live(store, "--open") == 0
    assert live(store, "--open", "--json", "-o", str(tmp_path / "live.html")) == 0
    assert places[1] == (tmp_path / "live.html").as_uri()
    copy = Path(places[0].removeprefix("file://"))
    assert "<title>BTC-USD: Observing, live</title>" in copy.read_text()
    copy.unlink()
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert live(store, "--open", "-o", str(tmp_path / "again.html")) == 2
    assert "No browser can be started here; the page is at file://" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--accuracy", "68"], 2, "--accuracy 68: accuracy is a share: write 0.68 for 68 %."),
        (["--accuracy", "68%"], 2, "--accuracy 68%: accuracy is a share: write 0.68 for 68 %."),
        (["--accuracy", "high"], 2, "--accuracy high: write a share, such as 0.68."),
        (["-o", "live.pdf"], 2, "live.pdf: a page is written as .html or .htm; give a name that ends so."),
    ],
)
def test_a_wrong_option_is_one_sentence(
    store: Store, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(store)
    assert live(store, *arguments) == code
    assert capsys.readouterr().err == f"retrain: {said}\n"


@pytest.mark.parametrize(
    ("symbol", "code", "said"),
    [
        ("ETH-USD", 1, "No model of ETH-USD is promoted in {store}."),
        ("btc-usd", 2, "btc-usd: write BTC-USD, as the models here are named."),
        ("BTC/USD", 2, "BTC/USD: write BTC-USD, as the models here are named."),
    ],
)
def test_a_symbol_without_a_model_is_one_sentence(
    store: Store, symbol: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(store)
    assert live(store, symbol=symbol) == code
    assert capsys.readouterr().err == f"retrain: {said.format(store=store.uri)}\n"
