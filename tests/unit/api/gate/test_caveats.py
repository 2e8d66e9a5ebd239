"""What is said of models that pass and may be worth nothing."""

from __future__ import annotations

import pytest

from retrain_api.gate.caveats import caveats
from retrain_api.measurement import Baselines, Measurement, Metrics


def model(pnl: float | None = 0.1, accuracy: float = 0.7, **rules: float) -> Measurement:
    return Measurement(metrics=Metrics(accuracy=accuracy, pnl=pnl), baselines=Baselines(majority=0.5, **rules))


LOSES = model(-0.99996)


@pytest.mark.parametrize(
    ("models", "sentences"),
    [
        ({"BTC-USD": model()}, ""),
        ({"BTC-USD": model(0.0)}, ""),
        ({"BTC-USD": model(None)}, ""),
        ({"USD1-USDT": LOSES}, "PnL after fees is below zero: USD1-USDT -100 %."),
        ({"BTC-USD": model(-0.00001)}, "PnL after fees is below zero: BTC-USD -0.001 %."),
        (
            {f"C{n}-USD": LOSES for n in range(64)},
            "PnL after fees is below zero: C0-USD -100 %, C1-USD -100 %, C2-USD -100 % and 61 more.",
        ),
        (
            {"BTC-USD": model(persistence=0.6, reversal=0.71)},
            "A rule without training does as well or better: BTC-USD 70 % (reversal 71 %).",
        ),
        (
            {"BTC-USD": model(persistence=0.7)},
            "A rule without training does as well or better: BTC-USD 70 % (persistence 70 %).",
        ),
        ({"BTC-USD": model(persistence=0.699, reversal=0.5, logistic=0.9)}, ""),
        (
            {"USD1-USDT": model(-1.0, 0.865, reversal=0.869), "BTC-USD": model()},
            "PnL after fees is below zero: USD1-USDT -100 %. "
            "A rule without training does as well or better: USD1-USDT 86.5 % (reversal 86.9 %).",
        ),
    ],
)
def test_sentences(models: dict[str, Measurement], sentences: str) -> None:
    assert caveats(models) == sentences
