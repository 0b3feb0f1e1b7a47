# Everything sets itself up on a machine that has Python 3.11+, make and the package registries.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: setup demo test lint fmt generate lock overlays backends fuzz kill goodruns outage machines bench evaluate bench-containers test-heavy clean
.DEFAULT_GOAL := test

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) tools/setup_venv.py $(VENV)
	touch $@

setup: $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py

# Two at a time; tests of one file stay together, with what they share. One at a time: make test WORKERS=
WORKERS ?= -n 2 --dist loadfile

test: $(STAMP) lint backends overlays
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python semconv/generate.py --check

fmt: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(STAMP)
	$(BIN)/python semconv/generate.py

# Rewrites constraints.txt as one block: every direct and indirect dependency with hashes, for every platform.
lock:
	$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip --quiet install uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --prerelease if-necessary-or-explicit \
	  --generate-hashes --no-annotate --no-emit-index-url --no-header --all-extras --group lint --group test \
	  --output-file constraints.txt pyproject.toml tools/lock.in
	$(PYTHON) tools/overlays.py lock $(VENV)-lock/bin/uv
	rm -rf $(VENV)-lock

overlays: $(STAMP)
	$(BIN)/python tools/overlays.py install $(VENV)

backends: $(STAMP)
	$(BIN)/python tools/backends.py
	$(BIN)/python tools/kafka.py

# Coverage-guided fuzzing of every decoder, SECONDS for each; what is found is left in fuzz-out.
SECONDS ?= 60
fuzz: $(STAMP)
	for target in otlp_proto otlp_json otlp_file receiver; do \
	  mkdir -p fuzz-out/$$target && \
	  $(BIN)/python tests/fuzz/fuzz_decoders.py $$target fuzz-out/$$target -max_total_time=$(SECONDS) || exit 1; \
	done

# SIGKILL at random moments, of observed programs and of the receiver.
KILLS ?= 500
kill: $(STAMP)
	KILLS=$(KILLS) $(BIN)/python -m pytest -s tests/e2e/test_kill_storm.py

# Runs that end well while somebody reads their journals all the time.
GOOD_RUNS ?= 1000
goodruns: $(STAMP)
	GOOD_RUNS=$(GOOD_RUNS) $(BIN)/python -m pytest -s tests/faults/test_ends.py -k looks_all_the_time

# An hour of spans made while the Collector is away.
OUTAGE_SPANS ?= 360000
outage: $(STAMP) backends
	OUTAGE_SPANS=$(OUTAGE_SPANS) $(BIN)/python -m pytest -s tests/e2e/test_outage.py

# The same operations on tracked and built-in containers, a million of them.
STEPS ?= 1000000
machines: $(STAMP)
	MACHINE_STEPS=$(STEPS) $(BIN)/python -m pytest -s tests/containers/test_machines.py

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

# Libraries of gigabytes, in an environment of their own beside the pinned one.
HEAVY_VENV ?= .venv-heavy
$(HEAVY_VENV)/.installed: pyproject.toml constraints.txt tests_heavy/requirements.txt
	$(PYTHON) tools/setup_venv.py $(HEAVY_VENV)
	$(HEAVY_VENV)/bin/python -m pip --quiet --disable-pip-version-check install -r tests_heavy/requirements.txt
	touch $@

test-heavy: $(HEAVY_VENV)/.installed
	$(HEAVY_VENV)/bin/python -m pytest tests_heavy $(ARGS)
	$(HEAVY_VENV)/bin/python -m pytest tests/instrumentors/test_contract.py tests/instrumentors/test_contract_host.py -k prov-torch

# What a change of a tracked container costs, beside plain ones and beside other trackers, option by option.
bench-containers: $(STAMP)
	$(BIN)/python benchmarks/containers.py $(ARGS)

# How true the lineage of real programs is and what it costs, beside the peers; ARGS as benchmarks/evaluate.py says.
evaluate: $(STAMP)
	PYTHONPATH=tests $(BIN)/python benchmarks/evaluate.py $(ARGS)

clean:
	rm -rf $(VENV) $(HEAVY_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache demo-out fuzz-out
