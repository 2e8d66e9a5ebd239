"""A model against the majority class and against the model promoted today."""

from __future__ import annotations

from retrain_api.formatting import measured, points
from retrain_api.measurement import Measurement


def majority_failure(measurement: Measurement) -> list[str]:
    """A model no better than always saying the more frequent class has no skill, whatever the bars say."""
    accuracy, majority = measurement.metrics.accuracy, measurement.baselines.majority
    if accuracy is None or majority is None or accuracy > majority:
        return []
    return [
        f"accuracy {measured('accuracy', accuracy)} does not beat the majority baseline, {measured('accuracy', majority)}"
    ]


def champion_failure(measurement: Measurement) -> list[str]:
    """The reason why a model fails where an improvement is required; empty where it is one, or was not compared."""
    champion = measurement.champion
    if champion is None or champion.difference is None or champion.difference > 0:
        return []
    distance, _ = points("accuracy", champion.difference, 0)
    return [
        f"it is not more accurate than the model promoted today ({distance} below it on {champion.bars} common bars)"
    ]


def champion_doubt(measurement: Measurement) -> list[str]:
    """The reason why an improvement can't be shown; empty where the comparison was measured, or there is no champion."""
    champion = measurement.champion
    if champion is None or champion.difference is not None:
        return []
    return [f"it can't be compared with the model promoted today ({champion.note or 'not measured'})"]
