"""Everything that reads or writes the Kubernetes API. It decides nothing about a run."""
