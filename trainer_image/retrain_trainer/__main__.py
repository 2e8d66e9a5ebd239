"""`python -m retrain_trainer train|evaluate|publish|deliver`"""

import sys

from retrain_trainer.tasks.interruption import hold_back

hold_back()  # before the imports that take time

from retrain_trainer.tasks.entry import leave, main  # noqa: E402

leave(main(sys.argv[1:]))
