"""`python -m retrain_trainer train|evaluate|publish|deliver|score`"""

import sys

from retrain_trainer.tasks.interruption import hold_back

hold_back()  # before the imports that take time

from retrain_trainer.tasks.entry import TRY_AGAIN, leave, main, start_again  # noqa: E402

if (code := main(sys.argv[1:])) == TRY_AGAIN:
    start_again()
leave(code)
