# What people type; .ci/run types it too. `make` alone lists it.
SHELL := bash
.DEFAULT_GOAL := help

# Python 3.11 is what the lock file is resolved for; a newer one serves where there is none.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV := .venv
# Where the commands lie that conda-forge brings to machines without root; envs/README.md says how.
export PATH := $(CURDIR)/resources/environments/system/bin:$(PATH)

.PHONY: help setup lock demo llama-server retry test lint test-unit test-workflow test-integration test-slurm test-smoke test-browser test-tutorial gpu-check benchmark method docs dag

help: ## list these targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## /  make \1\t/' | expand -t 20

setup: ## install what the pipeline needs; the other targets begin with it, and it ends at once when all is there
	@$(or $(PYTHON),$(error python3: not found. Install Python 3.11 or newer)) scripts/install_system_packages.py
	@$(PYTHON) scripts/create_environment.py main --prefix $(VENV)

lock: setup ## resolve envs/main.in into envs/main.txt; make lock ARGS=--upgrade moves every package to its newest
	$(PYTHON) scripts/create_environment.py main --lock $(ARGS)

env-%: setup ## what a server or a client needs beside it, such as env-vllm: the environment that envs/<name>.txt pins
	@$(PYTHON) scripts/create_environment.py $* --prefix resources/environments/$*

demo: setup ## measure a small study of everything on this machine, in about six minutes, and say where its report is
	$(VENV)/bin/snakemake --cores all --config studies=[demo]

llama-server: setup ## build llama.cpp's server once, unless there is one; ARGS=--cuda for GPUs, ARGS=--portable for any CPU
	$(VENV)/bin/python scripts/build_llama_server.py $(ARGS)

retry: setup ## delete the records of failed attempts, so that the next run measures them again
	$(VENV)/bin/python scripts/retry_failed.py --results results

test: lint test-unit test-workflow test-browser test-integration test-smoke ## everything that continuous integration runs

lint: setup ## style, types, and Snakemake's own advice
	$(VENV)/bin/ruff check scripts tests
	$(VENV)/bin/ruff format --check scripts tests
	$(VENV)/bin/snakefmt --check Snakefile rules
	$(VENV)/bin/mypy

test-unit: setup ## the parts alone
	$(VENV)/bin/pytest -q -n auto tests/unit

test-workflow: setup ## which jobs a command makes: dry-runs
	$(VENV)/bin/pytest -q -n auto tests/workflow

test-integration: env-triton env-deepspeed ## real exports, real servers, real measurements, at small scale
	$(VENV)/bin/pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m beside tests/integration
	$(VENV)/bin/pytest -q -m "not beside and not tutorial" tests/integration

test-tutorial: setup ## docs/tutorial.md, typed from beginning to end, which measures for three minutes; `make test` ends at its plan
	$(VENV)/bin/pytest -q -m tutorial tests/integration/test_tutorial.py

test-slurm: setup ## studies on a whole Slurm cluster of virtual machines here: as root; skipped, with the reason, without
	@$(PYTHON) scripts/install_system_packages.py --packages tests/slurm/apt.txt
	$(VENV)/bin/pytest -q $(SLURM_TESTS) tests/slurm

test-smoke: SLURM_TESTS := -m smoke
test-smoke: test-slurm ## the shortest of them: one measurement through Slurm

test-browser: setup ## the pages that people read, in a real Chromium; COTEJO_REPORTS=results looks at those that are there
	@$(PYTHON) scripts/install_system_packages.py --packages tests/browser/apt.txt
	$(VENV)/bin/pytest -q -n 3 --dist loadgroup tests/browser --ignore tests/browser/test_thousand_runs.py
	$(VENV)/bin/pytest -q tests/browser/test_thousand_runs.py

gpu-check: setup ## take every path on this machine's GPUs, small, and write gpu-check/report.md: which work, with versions
	$(VENV)/bin/python scripts/check_gpu.py $(ARGS)

benchmark: setup ## Cotejo against the bare tools it stands on, on a quiet machine; writes docs/performance.md
	$(VENV)/bin/python tests/performance/run_benchmarks.py
	$(VENV)/bin/python tests/performance/client_load.py
	$(VENV)/bin/python tests/performance/planning_cost.py

method: setup ## simulate what docs/method.md claims, and write its tables and its figures; about ten minutes
	$(VENV)/bin/python tests/method/simulate.py
	$(VENV)/bin/python tests/method/simulate_stopping.py
	$(VENV)/bin/python tests/method/draw_faults.py
	$(VENV)/bin/python tests/method/measure_omission.py

docs: setup ## config/README.md from the schemas, docs/reference and the list of messages from the code
	$(VENV)/bin/python scripts/document_config.py
	$(VENV)/bin/python scripts/document_reference.py
	PYTHONPATH=.:scripts $(VENV)/bin/python tests/list_messages.py

dag: setup ## draw the demo's rules into docs/images/dag.svg, for which Graphviz's dot must be there
	$(VENV)/bin/python scripts/draw_dag.py
