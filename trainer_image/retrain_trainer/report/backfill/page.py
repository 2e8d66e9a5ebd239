"""The page of a backfill: one self-contained HTML file that loads nothing and runs nothing.

First whether retraining paid, then a row for each slot, then how to read it and what it can't say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TypeAlias

from retrain_api.formatting import counted, listed
from retrain_trainer.measure.later.figures import Lived, Right, SlotRow, SymbolFigures, accounts_over_time
from retrain_trainer.measure.later.scores import Promise, Scores
from retrain_trainer.report.drawing.figure import svg
from retrain_trainer.report.head import head
from retrain_trainer.report.markup import badge, words

from . import plots
from .facts import BackfillFacts, between, change, day, minute, pnl, served_by, share

# Nothing is loaded and nothing runs, whatever a name or an error message contains.
_KINDS = {"Paid": "good", "DidHarm": "bad"}

Group: TypeAlias = tuple[str, ...]
_FIRST = ' class="first"'
"""Of the first column of a group: a line stands before it."""
OWN: tuple[Group, str] = (("promised", "then"), "this slot's model")
LIVES: tuple[tuple[Group, str], ...] = (
    (("model", "right", "PnL"), "in service until the next slot"),
    (("right", "PnL"), "never retrained"),
)

LIMITS = (
    "It is as the file reads today: corrections that came later are in it, and a run of then might have been given other bars.",
    "A slot's model is in service from the slot on. In truth it is later by the time that training and, with a manual policy, a person take.",
    "What passes takes over, also where promotion.requireImprovement would have asked for more.",
    "The recipe was chosen by somebody who may know these bars. Only bars that close after today are new to it.",
    "The account fills at closes after fees; slippage, funding and what the market does when you trade are not in it.",
)


def page(facts: BackfillFacts) -> str:
    """The whole file."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            head(_title(facts), __package__, "backfill.css"),
            "<body>",
            _top(facts),
            "<main>",
            *(_symbol(facts, scores, figures) for scores, figures in zip(facts.scores, facts.figures, strict=True)),
            _reading(),
            "</main>",
            f'<footer class="quiet"><p>Backfill of {escape(facts.namespace)}/{escape(facts.schedule)}, recipe '
            f"{escape(facts.key)}, written {escape(facts.written_at)}. This file is self-contained and loads nothing.</p></footer>",
            "</body>",
            "</html>\n",
        ]
    )


def _title(facts: BackfillFacts) -> str:
    return f"{listed([one.symbol for one in facts.figures])}: backfill of {facts.schedule}"


def _top(facts: BackfillFacts) -> str:
    asked = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.asked)
    slots = max((len(one.rows) for one in facts.figures), default=0)
    return (
        f'<header>\n<p class="quiet">Backfill: {counted(slots, "past slot")} of {escape(facts.cron)}</p>\n'
        f"<h1>{escape(facts.namespace)}/{escape(facts.schedule)}</h1>\n"
        f'<section class="card verdict {_KINDS.get(facts.verdict, "unsure")}" aria-label="Did retraining pay?">'
        f"<p>{words(facts.sentence)}</p></section>\n"
        f'<dl class="asked">{asked}</dl>\n</header>'
    )


def _symbol(facts: BackfillFacts, scores: Scores, figures: SymbolFigures) -> str:
    name = escape(figures.symbol)
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{name}</h2>\n<p>{words(_summary(figures))}</p>\n'
        f"{_beside(figures, _table(facts, figures), _figures(facts, scores, figures))}\n{_why(facts, figures)}</section>"
    )


def _beside(figures: SymbolFigures, table: str, drawn: str) -> str:
    """A table of few columns leaves room for its plot."""
    return f"{table}\n{drawn}" if figures.served is not None else f'<div class="beside">{table}\n{drawn}</div>'


def _summary(figures: SymbolFigures) -> str:
    """How many passed, and the accounts beside each other."""
    passed = sum(row.promoted for row in figures.rows)
    of = counted(len(figures.rows), "model")
    said = f"{passed} of {of} passed and took over.{_kept(figures)}" if passed else f"None of {of} passed."
    held = f"; who bought and held {_moved(figures.hold)}" if figures.hold is not None else ""
    if figures.served is None:
        return f"{said} Nothing was in service, so there was no position{held}."
    first = f", never retrained {_moved(figures.first.pnl)}" if figures.first else ""
    served = f"{_moved(figures.served.pnl)} over {figures.served.trades:,} trades"
    return f"{said} The account of the models in service {served}{first}{held}."


def _kept(figures: SymbolFigures) -> str:
    """What the models that passed had promised, and what they then did: the mean over their slots, weighted by later bars."""
    found = [
        (row.promise.accuracy, row.own.right.accuracy, row.own.right.bars)
        for row in figures.rows
        if row.promoted and row.promise and row.own and row.own.right
    ]
    bars = sum(count for _, _, count in found)
    if not bars:
        return ""
    promised, then = (sum(one[i] * one[2] for one in found) / bars for i in (0, 1))
    return f" They had promised {promised * 100:.1f} % and then read {then * 100:.1f} % until their next slot, on {bars:,} bars."


def _moved(value: float | None) -> str:
    if value is None:
        return "is not known"
    return f"{'gained' if value >= 0 else 'lost'} {abs(value) * 100:.1f} %"


def _table(facts: BackfillFacts, figures: SymbolFigures) -> str:
    """Without the columns of models in service where none ever was."""
    groups = (OWN, *LIVES) if figures.served is not None else (OWN,)
    over = "".join(f'<th colspan="{len(names)}" scope="colgroup">{escape(name)}</th>' for names, name in groups)
    head = "".join(
        f'<th scope="col"{_FIRST if i == 0 else ""}>{escape(name)}</th>'
        for names, _ in groups
        for i, name in enumerate(names)
    )
    rows = "".join(_row(facts, figures, row) for row in figures.rows)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="Slots of {escape(figures.symbol)}"><table>'
        f'<thead><tr class="groups"><td colspan="2"></td>{over}<td{_FIRST}></td></tr>'
        f'<tr><th scope="col">Slot</th><th scope="col">Verdict</th>{head}<th scope="col"{_FIRST}>hold</th></tr></thead>'
        f"<tbody>{rows}{_total(figures)}</tbody></table></div>"
    )


def _row(facts: BackfillFacts, figures: SymbolFigures, row: SlotRow) -> str:
    own = (_accuracy(row.promise), _accuracy(row.own.right if row.own else None))
    lives = ((words(served_by(row, figures)), *_life(row.served)), _life(row.first))
    title = escape(f"{row.bars:,} bars until {minute(row.until)}")
    name = f'<span title="{title}">{minute(row.slot)}</span>'
    return f"<tr>{_cells(figures, name, badge(facts.of(figures.symbol, row).verdict), own, lives, row.hold)}</tr>"


def _total(figures: SymbolFigures) -> str:
    lives = (("", *_life(figures.served)), _life(figures.first))
    cells = _cells(figures, "all", "", ("", _accuracy(figures.own)), lives, figures.hold)
    return f'<tr class="total">{cells}</tr>'


def _cells(
    figures: SymbolFigures, name: str, verdict: str, own: Group, lives: Sequence[Group], hold: float | None
) -> str:
    """The cells of a row, group by group."""
    groups = [own, *(lives if figures.served is not None else ()), (words(change(hold)),)]
    body = "".join(f"<td{_FIRST if i == 0 else ''}>{cell}</td>" for group in groups for i, cell in enumerate(group))
    return f'<th scope="row">{name}</th><td>{verdict}</td>{body}'


def _life(lived: Lived | None) -> tuple[str, str]:
    return _accuracy(lived.right if lived else None), words(pnl(lived))


def _accuracy(right: Right | Promise | None) -> str:
    bounds = between(right)
    return words(share(right)) + (f"<small>{escape(bounds)}</small>" if bounds else "")


def _figures(facts: BackfillFacts, scores: Scores, figures: SymbolFigures) -> str:
    name = figures.symbol
    told = "The accuracy that each model read on its test, and on the bars after its slot, with 95 % intervals."
    parts = [_figure(name, "promises", "Promised, and then", told, lambda: plots.accuracies(figures, facts.bar))]
    if figures.served is not None and scores.times.size > 1:
        starts = [row.slot for row in figures.rows if row.promoted]
        curves = accounts_over_time(scores)
        text = f"After fees of {scores.fee_bps:g} bps a fill; a thin line where a new model takes over. All begin at 1."
        parts.append(_figure(name, "accounts", "Accounts", text, lambda: plots.accounts(scores.times, curves, starts)))
    return f'<div class="plots">{"".join(parts)}</div>'


def _figure(symbol: str, name: str, title: str, caption: str, draw: plots.Draw) -> str:
    picture = svg(draw, f"{symbol}-{name}", f"{symbol}: {title}", caption)
    return f"<figure><figcaption><h3>{escape(title)}</h3><p>{words(caption)}</p></figcaption>{picture}</figure>"


def _why(facts: BackfillFacts, figures: SymbolFigures) -> str:
    """Why the slots that did not pass did not, folded."""
    lines = list(_reasons(facts, figures))
    if not lines:
        return ""
    body = "".join(f"<li>{line}</li>" for line in lines)
    return f"<details><summary>Why {counted(len(lines), 'model')} did not pass</summary><ul>{body}</ul></details>\n"


def _reasons(facts: BackfillFacts, figures: SymbolFigures) -> Iterator[str]:
    for row in figures.rows:
        judged = facts.of(figures.symbol, row)
        if row.promoted:
            continue
        said = "; ".join(judged.reasons) or judged.verdict
        yield f"<strong>{day(row.slot)}</strong> {words(said)}"


def _reading() -> str:
    told: Sequence[str] = (
        "<strong>promised</strong> is the accuracy on the slot's test bars, before the slot; <strong>then</strong> is the same model on the bars "
        "that opened after the slot and closed by the next one, whether it passed or not.",
        "<strong>in service</strong> is the newest model that passed: a slot whose model is refused leaves the former one in place, or none.",
        "<strong>never retrained</strong> is the first model that passed, kept to the end.",
        "Below an accuracy stands its 95 % interval in percent. PnL is after fees, of one account from the first slot to the last; "
        "<strong>hold</strong> is the price, without fees.",
    )
    return (
        '<section aria-labelledby="reading"><h2 id="reading">How to read it</h2><ul>'
        + "".join(f"<li>{line}</li>" for line in told)
        + '</ul><h2 id="limits">What it can\'t say</h2><ul>'
        + "".join(f"<li>{escape(line)}</li>" for line in LIMITS)
        + "</ul></section>"
    )
