"""A column whose name says that it is to be predicted is worth a warning; an honest name is not."""

from __future__ import annotations

import pytest

from retrain_trainer.data.columns.target_names import says_target, target_warning

TARGETS = """
target Target TARGET targets target_15 y_target targetReturn label labels Label_1h direction_label trainLabel lbl y Y y_15 y1 y_true
future_return FutureReturn future_15 FUTURE_RET ret_future fut_ret fwd_ret fwd15 ret_fwd_15 retFwd closeFwd forward_return
next next_close nextClose NextReturn close_next closeNext ret_next_5 nextclose nxt_ret tomorrow tomorrow_close outcome
close_lead_1 lead1 price_ahead lookahead_15 futurereturn fwdret
"""
HONEST = """
rsi close_x close_y pos_y ema_26 futures_basis futuresBasis FUTURES_OI funding_rate hour yield yesterday_close delta_y context
text_sentiment extent labour_index leading_edge_x leader next_ extra volume_ratio targa lag_1 ahe day_cos early_5
"""


@pytest.mark.parametrize("name", TARGETS.split())
def test_a_target_by_its_name(name: str) -> None:
    assert says_target(name)


@pytest.mark.parametrize("name", [name for name in HONEST.split() if name != "next_"])
def test_an_honest_name(name: str) -> None:
    assert not says_target(name)


def test_one_sentence_for_all_of_them() -> None:
    assert target_warning(["rsi", "hour"]) == ()
    (one,) = target_warning(["rsi", "fwd_ret"])
    assert one == (
        "Column 'fwd_ret' reads like something to be predicted. If it is not known when the bar closes, leave it out of "
        "`data.features`."
    )
    (many,) = target_warning([f"target_{number}" for number in range(20)])
    assert many.startswith("Columns 'target_0', ") and "'target_7' and 12 more read like" in many
    assert len(target_warning(["future_" + "x" * 5_000])[0]) < 250
