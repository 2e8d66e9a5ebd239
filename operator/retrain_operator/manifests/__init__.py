"""Pure functions that write Kubernetes manifests and the task documents in them."""
