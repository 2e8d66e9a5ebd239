"""Runs on a cluster: the API server of a kubeconfig, and a run as that server has it."""
