"""The status of a RetrainRun: what people read there, and what the operator remembers."""
