"""The decisions about a RetrainRun: one module for each phase, and the plan that joins them."""
