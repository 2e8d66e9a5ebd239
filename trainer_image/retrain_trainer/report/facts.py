"""Everything a report is made of, gathered before a word of it is written.

Markdown and HTML are both written from one `Facts`, so they can't disagree, and the same facts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retrain_api.documents.tasks import PublishItem, PublishTask
from retrain_api.gate.judgement import Judgement
from retrain_trainer.measure.observed.life import Life
from retrain_trainer.measure.predictions.trades import Traded
from retrain_trainer.model.pointer import Previous, Promotion

Document = Mapping[str, Any]
"""A parsed JSON document, such as an evaluation.json or a model card."""


@dataclass(frozen=True)
class Facts:
    """Everything that the report says; `promotion` is None until the promotion has been carried out.

    `evaluations` holds the evaluation.json of each symbol, `cards` its model card, `before` the model that was promoted until
    now, `lives` what that one has done since its test, or why nobody can say, and `trades` what was traded, where its predictions were kept.
    """

    task: PublishTask
    judgement: Judgement
    written_at: str
    evaluations: Mapping[str, Document] = field(default_factory=dict)
    before: Mapping[str, Previous | None] = field(default_factory=dict)
    lives: Mapping[str, Life | str] = field(default_factory=dict)
    cards: Mapping[str, Document] = field(default_factory=dict)
    trades: Mapping[str, Traded] = field(default_factory=dict)
    promotion: Promotion | None = None

    @property
    def measured(self) -> list[PublishItem]:
        """The items that have a measurement."""
        return [item for item in self.task.items if item.measurement is not None]

    def evaluation(self, item: PublishItem) -> Document:
        """An item's evaluation.json; empty where there is none."""
        return self.evaluations.get(item.symbol, {})

    @property
    def fee_bps(self) -> float | None:
        """Fee of a fill in the backtest, in hundredths of a percent; None where the spec does not say."""
        fee: float | None = self.task.spec.get("evaluation", {}).get("backtest", {}).get("feeBps")
        return fee

    def test(self, item: PublishItem) -> Document:
        """First and last bar of an item's test part; empty where they are not known."""
        found = self.evaluation(item).get("test") or {}
        return found if {"firstBar", "lastBar"} <= set(found) else {}
