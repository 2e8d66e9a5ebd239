# Each target is one command; the script that it names does the work.
.PHONY: install demo test test-quick test-cluster soak lint format generate bench bench-all gpu-wheels gpu-sitting images cluster kind-demo cluster-down constraints clean

install:   ## .venv with all that the demo and the tests need
	./scripts/install.sh

demo:   ## retrain BTC, ETH and SOL on real candles, without a cluster
	./scripts/install.sh demo
	.venv/bin/retrain run -f examples/01-quickstart.yaml || [ $$? -eq 3 ]   # 3: rejected, as it should be

test: install   ## lint, types and all tests; those on a kind cluster need Docker
	./scripts/test.sh

test-quick: install   ## lint, types and the tests that need no servers
	./scripts/test.sh tests/unit tests/cli

test-cluster: install   ## only the tests on a real kind cluster
	./scripts/test.sh tests/cluster

soak: install   ## half an hour of ordinary disasters on a kind cluster, and what was lost by them
	PYTHONPATH=tests .venv/bin/python -m soak

lint: install
	./scripts/lint.sh

format: install
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

generate: install   ## crds/ and docs/reference.md from the models, tables in docs/ from conditions, reasons and metrics, argocd-cm.yaml from its Lua
	.venv/bin/python crds/generate.py
	.venv/bin/python docs/generate.py
	.venv/bin/python manifests/argocd/generate.py
	.venv/bin/python manifests/generate.py

bench: install   ## speed, memory and scale, as ratios to a reference
	.venv/bin/python benchmarks/training_speed.py
	.venv/bin/python benchmarks/training_memory.py
	.venv/bin/python benchmarks/job_start.py
	.venv/bin/python benchmarks/operator_scale.py

bench-all: bench   ## and what takes long: 200 schedules beside 10,000 finished runs
	nice -n 19 .venv/bin/python benchmarks/operator_scale.py schedules

gpu-wheels:   ## what a machine with a GPU lacks, as wheels in build/gpu-wheels
	./scripts/gpu_wheels.sh build/gpu-wheels

gpu-sitting:   ## all that is to be measured on a GPU, in eight minutes; needs build/gpu-wheels and no network
	bash benchmarks/gpu_sitting.sh build/gpu-wheels

images:   ## retrain-operator, retrain-trainer, retrain-sample-store
	./scripts/images.sh

cluster:   ## a kind cluster of one node; kubectl is pointed to it
	./tests/testbed/up.sh

kind-demo:   ## from nothing to a verdict on a real cluster
	./scripts/kind_demo.sh

cluster-down:   ## remove the cluster
	./tests/testbed/down.sh

constraints:   ## write down the installed versions
	./scripts/constraints.sh

clean:
	rm -rf .venv .retrain
