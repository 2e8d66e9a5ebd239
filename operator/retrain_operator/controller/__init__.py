"""The process: what runs for as long as a replica lives, and what people and Kubernetes see of it."""
