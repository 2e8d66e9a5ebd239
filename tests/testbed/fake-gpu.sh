#!/usr/bin/env bash
# fake-gpu.sh COUNT [RESOURCE]: the node advertises so many GPUs that do not exist (0: none), and the scheduler counts
# them. Pods get no device. They outlast a restart of the kubelet; a new cluster has none.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

programs kubectl
count="$1" resource="${2:-nvidia.com/gpu}"
value="\"$count\""
[ "$count" != 0 ] || value=null
# Allocatable follows capacity at the kubelet's next update; setting both makes it take effect at once.
kc patch node "$CLUSTER-control-plane" --subresource=status --type=merge \
  -p "{\"status\":{\"capacity\":{\"$resource\":$value},\"allocatable\":{\"$resource\":$value}}}" >/dev/null
