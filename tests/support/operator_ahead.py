"""The operator with a clock that is RETRAIN_TEST_AHEAD seconds ahead, for slots that are days away: `python -m support.operator_ahead`."""

from __future__ import annotations

import os
from datetime import timedelta

from retrain_operator.controller.main import main
from retrain_operator.kube.clock import now_utc

VARIABLE = "RETRAIN_TEST_AHEAD"

if __name__ == "__main__":
    ahead = timedelta(seconds=float(os.environ[VARIABLE]))
    main(lambda: now_utc() + ahead)
