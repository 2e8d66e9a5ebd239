"""Lets `python -m retrain_operator` start the operator, as the image does."""

from retrain_operator.controller.main import main

main()
