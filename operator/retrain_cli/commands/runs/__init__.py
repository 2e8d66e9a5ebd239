"""Commands that run a RetrainRun."""
