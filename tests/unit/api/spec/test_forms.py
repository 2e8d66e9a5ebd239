"""The forms of texts: what each takes, and what it says of the spellings that people bring along."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.spellings import SPELLINGS

from retrain_api.spec import form, forms
from retrain_api.spec.amounts import amount
from retrain_api.spec.bounds import bar_answer, percent_sign_answer, plain, range_of
from retrain_api.spec.forms import FORMS, Form, Hint

RIGHT: dict[str, list[str]] = {
    "symbol": ["BTC-USD", "A-B", "1INCH-USDT", "AAPL", "BRK.B", "BRK-B", "BTCUSDT", "BTC-USDT-SWAP", "RDS.A-L"],
    "interval": ["1m", "15m", "1h", "4h", "1d", "9999m"],
    "duration": ["90m", "36h", "180d", "1d", "99999d"],
    "day": ["2025-05-31", "2024-02-29", "2000-02-29", "2023-02-28", "2025-11-30", "1999-12-31"],
    "time": [
        *("2025-05-31T18:00:00Z", "2024-02-29T23:59:59Z", "2025-05-31T18:00:00.123456789Z"),
        *("2025-05-31T18:00:00+02:00", "9999-12-31T23:59:59-12:00"),
    ],
    "location": [
        *("s3://bucket", "s3://bucket/", "s3://my.bucket-1/a/b", "file:///data", "file://./x", "file://../x"),
        *("rclone://drive/x", "rclone://my drive/x"),
    ],
    "name": ["a", "a-b.c", "0"],
    "name of a secret": ["a", "a-b.c", "0", "a" * 253],
    "label": ["a", "a-b", "0"],
    "file name": ["{symbol}.parquet", "a b"],
    "folder": ["reports", "a/b"],
    "git address": ["https://git.example/r.git", "http://x/y"],
    "variable": ["A", "_a1", "HTTP_PROXY"],
    "resource": ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb"],
    "label value": ["", "a", "A.b_c-d", "x" * 63],
    "amount": ["1", "1.5", "500m", "8Gi", "1k"],
    "schedule": ["0 3 * * 6", "@hourly", "@monthly", "*/15 0-6  1,15 JAN mon-fri", "0 3 L * *", "0 3 * * 5L"],
    "time zone": ["Etc/UTC", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"],
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_takes_what_is_right_and_answers_what_is_not(name: str) -> None:
    form = FORMS[name]
    assert [text for text in RIGHT[name] if form.answer(text)] == []
    assert {text: form.answer(text) for text in SPELLINGS[name]} == SPELLINGS[name]


@pytest.mark.parametrize("name", FORMS)
def test_every_answer_of_a_form_has_a_spelling_that_gets_it(name: str) -> None:
    form = FORMS[name]

    def answers(text: str) -> str | None:
        return next((hint.found for hint in form.hints if re.fullmatch(hint.found, text)), None)

    assert {answers(text) for text in SPELLINGS[name]} == {None, *(hint.found for hint in form.hints)}


@pytest.mark.parametrize("name", FORMS)
def test_no_answer_shows_a_regular_expression(name: str) -> None:
    form = FORMS[name]
    for sentence in (form.sentence, *(hint.sentence for hint in form.hints)):
        # A star alone, or with a step, is what a schedule is written with.
        assert not re.search(r"[\^$\\*\[\]|]|\{[0-9]", re.sub(r" [*](?= |$|/[0-9])", "", sentence)), sentence


@given(st.integers(1000, 9999), st.integers(0, 13), st.integers(0, 32))
def test_a_day_is_one_that_the_calendar_has(year: int, month: int, day: int) -> None:
    text = f"{year}-{month:02}-{day:02}"
    try:
        date.fromisoformat(text)
    except ValueError:
        assert forms.DAY.answer(text) == SPELLINGS["day"]["2025-02-30"]
    else:
        assert forms.DAY.answer(text) == ""


@given(
    st.sampled_from([form for form in FORMS.values() if form.hints]).flatmap(
        lambda form: st.tuples(st.just(form), spelled(form))
    )
)
def test_what_an_answer_says_to_write_is_right(found: tuple[Form, tuple[Hint, str]]) -> None:
    form, (hint, text) = found
    answered = next((other for other in form.hints if re.fullmatch(other.found, text)), None)
    if form.answer(text) and answered is hint and "write {}" in hint.sentence and len(text) < 40:
        written = hint.sentence.partition("write ")[2].partition(" ")[0].rstrip(":;,").replace("{}", hint.mended(text))
        assert form.answer(written) == "", (text, written)


def spelled(form: Form) -> st.SearchStrategy[tuple[Hint, str]]:
    """A hint of the form, with a text that it is about."""
    return st.sampled_from(form.hints).flatmap(
        lambda hint: st.tuples(st.just(hint), st.from_regex(re.compile(rf"\A(?:{hint.found})\Z", re.ASCII)))
    )


@given(st.text(max_size=50))
def test_a_rule_of_cel_holds_any_text_in_quotes(text: str) -> None:
    quoted = form._quoted(text)
    assert quoted[0] == quoted[-1] == "'" and not re.search(r"[\t\n\v\f\r]", quoted)
    assert "'" not in re.sub(r"\\.", "", quoted[1:-1])


@pytest.mark.parametrize(
    ("text", "number"),
    [(2, 2), ("2", 2), ("0.5", 0.5), ("500m", 0.5), ("1k", 1e3), ("2M", 2e6), ("1Ki", 1024), ("1.5Gi", 1.5 * 2**30)],
)
def test_an_amount_is_a_number(text: int | str, number: float) -> None:
    assert float(amount(text)) == number


BARS: dict[str, tuple[str, float, str]] = {
    "a share": ("accuracy", 0.68, ""),
    "the lowest share": ("f1", 0, ""),
    "the highest share": ("maxDrawdown", 1, ""),
    "a percentage": ("accuracy", 68, "accuracy is a share: write 0.68 for 68 %"),
    "a small percentage": ("calibrationError", 5, "calibrationError is a share: write 0.05 for 5 %"),
    "a broken percentage": ("winRate", 62.8, "winRate is a share: write 0.628 for 62.8 %"),
    "more than all": ("auc", 680, "auc is a share, from 0 to 1"),
    "less than nothing": ("brier", -0.1, "brier is a share, from 0 to 1"),
    "a gain": ("pnl", 0.367, ""),
    "a loss": ("pnl", -0.05, ""),
    "a gain in percent": ("pnl", 36.7, "pnl is a share: write 0.367 for 36.7 %"),
    "more than everything lost": ("pnl", -5, "pnl is a share of the account, from -1 to 10"),
    "a ratio": ("sharpe", 2.5, ""),
    "a ratio that nothing has": ("sharpe", 250, "sharpe is a number from -100 to 100"),
}


@pytest.mark.parametrize(("metric", "bar", "answer"), BARS.values(), ids=BARS)
def test_the_bar_of_a_metric(metric: str, bar: float, answer: str) -> None:
    assert bar_answer(metric, bar) == answer


@pytest.mark.parametrize(
    ("metric", "text", "answer"),
    [
        ("accuracy", "60%", "accuracy is a share: write 0.6 for 60 %"),
        ("maxDrawdown", " 12.5 % ", "maxDrawdown is a share: write 0.125 for 12.5 %"),
        ("sharpe", "2%", "sharpe is a number from -100 to 100, without a percent sign"),
        ("accuracy", "0.6", ""),
        ("accuracy", "high%", ""),
        ("accuracy", 0.6, ""),
    ],
)
def test_a_percent_sign(metric: str, text: object, answer: str) -> None:
    assert percent_sign_answer(metric, text) == answer


@given(st.sampled_from(["accuracy", "pnl", "sharpe"]), st.floats(0.01, 1))
def test_what_is_to_be_written_for_a_percentage_is_taken(metric: str, share: float) -> None:
    written = bar_answer(metric, share * 100).partition("write ")[2].partition(" ")[0]
    assert not written or range_of(metric).low <= float(written) <= range_of(metric).high
    assert float(plain(share)) == share
