"""Runs on this machine: the executor of `retrain run`, its Jobs as processes, its state on disk."""
