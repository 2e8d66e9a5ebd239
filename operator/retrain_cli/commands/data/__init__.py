"""Commands that work on data before there is a run."""
