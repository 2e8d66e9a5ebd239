"""The command line, `retrain`: run and inspect RetrainRuns, on this machine and on clusters."""
