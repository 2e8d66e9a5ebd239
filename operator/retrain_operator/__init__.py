"""The operator: state and manifests are plain data, decide decides, kube reads and writes the cluster, controller runs it all."""
