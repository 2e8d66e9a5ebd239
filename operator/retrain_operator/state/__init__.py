"""Plain data and pure functions over it: what is known of the cluster, and what a plan asks for."""
