"""The one way in which the command line reaches runs: those of this machine and those on a cluster."""
