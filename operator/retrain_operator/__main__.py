"""python -m retrain_operator"""

from .main import main

main()
