"""The controller: pure decisions (plan, jobs, conditions) and the edges that carry them out."""
