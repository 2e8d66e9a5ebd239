"""`python -m retrain_trainer train|evaluate|publish|deliver`"""

import sys

from .task import main

sys.exit(main(sys.argv[1:]))
