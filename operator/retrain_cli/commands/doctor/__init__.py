"""`retrain doctor`: what would stop a run, found before it starts, one check per module."""
