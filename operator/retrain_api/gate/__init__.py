"""The gate: from stored measurements to verdicts, on the operator as on a laptop."""
