"""A trainer that trains nothing: put before the real one on PYTHONPATH, it does what a script says."""
