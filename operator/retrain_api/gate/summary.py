"""The verdict on a run in one line, for the status, the report and the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_api.formatting import listed

from .judgement import JudgedModel, of_several


def summary(
    models: Sequence[JudgedModel],
    passed: int,
    required: int,
    criteria: Sequence[str],
    one_market: Sequence[Sequence[str]] = (),
    together: bool = True,
) -> str:
    """One line for a person: how many pass, judged by what, which are one market, and why each fails that does.

    Symbols that one suspicion is of are named `together`; the digests of older judgements are made of lines that never did.
    """
    passing = [model.symbol for model in models if model.verdict == "Pass"]
    names = f" ({_names(passing)})" if passing else ""
    groups = one_market_sentences(one_market)
    once = f" and count as {passed}, because {' and '.join(groups)}" if passed != len(passing) else ""
    head = f"{len(passing)} of {len(models)} models pass{names}{once}, {required} required, judged by "
    alike = _alike(models) if together else [[model] for model in models if model.reasons]
    more = sum(map(len, alike[_SHOWN_REASONS:]))
    tail = (
        "".join(f"; {group}" for group in groups if not once)
        + "".join(f"; {_reason(group)}" for group in alike[:_SHOWN_REASONS])
        + (f"; and {more} more" if more > 0 else "")
    )
    return head + " and ".join(criteria) + tail


_SHOWN_REASONS = 3
"""Reasons that the one line names; all of them are with their models."""


def _alike(models: Sequence[JudgedModel]) -> list[list[JudgedModel]]:
    """The models that have a reason, in their order; those that one suspicion is of stand together.

    One faulty column is in the files of all symbols. Figures that miss a bar are each model's own.
    """
    groups: dict[str, list[JudgedModel]] = {}
    for model in (model for model in models if model.reasons):
        key = model.reasons[0].removeprefix(model.symbol) if model.verdict == "Suspect" else model.symbol
        groups.setdefault(key, []).append(model)
    return list(groups.values())


def _reason(alike: Sequence[JudgedModel]) -> str:
    """Why one model, or several for the same reason, did not pass."""
    first, symbols = alike[0], [model.symbol for model in alike]
    reason = first.reasons[0].rstrip(".")
    return reason if len(alike) == 1 else of_several(reason, first.symbol, _all(symbols))


def one_market_sentences(one_market: Sequence[Sequence[str]] | None) -> tuple[str, ...]:
    """What a person is told of each group of symbols that are one market."""
    return tuple(f"{_all(group)} move together bar for bar, so they are one market" for group in one_market or ())


def _all(group: Sequence[str]) -> str:
    if len(group) > 8:
        return _names(group)
    return listed(group)


def _names(symbols: Sequence[str]) -> str:
    """At most eight names, and how many more."""
    shown = ", ".join(symbols[:8])
    return f"{shown} and {len(symbols) - 8} more" if len(symbols) > 8 else shown
