# Each target is one command; what it does stands in the script it names.
.PHONY: install demo test test-quick test-cluster lint format generate bench images cluster kind-demo cluster-down constraints clean

install:   ## .venv with all that the demo and the tests need
	./scripts/install.sh

demo: install   ## retrain BTC, ETH and SOL on real candles, without a cluster
	.venv/bin/retrain run -f examples/01-quickstart.yaml || [ $$? -eq 3 ]   # 3: rejected, as it should be

test: install   ## lint, types and all tests; those on a cluster of kind need Docker
	./scripts/test.sh

test-quick: install   ## lint, types and the tests that need no servers
	./scripts/test.sh tests/unit tests/cli

test-cluster: install   ## the lives of a run on a real cluster of kind alone
	./scripts/test.sh tests/cluster

lint: install
	./scripts/lint.sh

format: install
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

generate: install   ## crds/ and docs/reference.md from the models, argocd-cm.yaml from its Lua
	.venv/bin/python crds/generate.py
	.venv/bin/python manifests/argocd/generate.py

bench: install   ## ratios, with the reference beside ours
	.venv/bin/python benchmarks/training_speed.py
	.venv/bin/python benchmarks/training_memory.py
	.venv/bin/python benchmarks/job_start.py
	.venv/bin/python benchmarks/operator_scale.py

images:   ## retrain-operator, retrain-trainer, retrain-sample-store
	./scripts/images.sh

cluster:   ## a kind cluster of one node; kubectl is told where
	./tests/testbed/up.sh

kind-demo:   ## from nothing to a verdict on a real cluster
	./scripts/kind_demo.sh

cluster-down:   ## take the cluster away
	./tests/testbed/down.sh

constraints:   ## write the versions that are installed now
	./scripts/constraints.sh

clean:
	rm -rf .venv .retrain
