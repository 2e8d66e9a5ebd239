"""The spec of a RetrainRun: what people ask for, each part with its defaults and bounds."""
