# Needs Python 3.11 or later and make, nothing else: every target does its own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done)
WORKERS ?= 2
ARGS ?=
BENCH_JSON ?=

.PHONY: help setup demo test coverage lint bench bench-guard bench-latency bench-rollback bench-delay bench-null bench-scenarios faults lock wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv from the lock, and install this tree into it

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: no Python 3.11 or later found: install it, or give its path: make setup PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@if ! [ -x $(BIN)/pip ]; then \
		echo "setup: making $(VENV) with $(PYTHON)"; \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
			echo "error: '$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt-get install python3.11-venv (or the python3-venv of your Python), then again" >&2; exit 1; }; fi
	@echo "setup: installing the locked packages (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "setup: compiling the kernel (half a minute, once)"
	@$(BIN)/python -m homeostat.detectors.warm_up
	@touch $@
	@echo "setup: done"

demo: $(STAMP) ## Watch two bad releases being taken back and a harmless one promoted, in under three minutes
	@$(BIN)/homeostat demo $(ARGS)

test: $(STAMP) ## Run all tests (ARGS="-k word" for some, WORKERS=n for more processes)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

coverage: $(STAMP) ## Branch coverage of schemas and detectors, with the compiler off; fails under 95 %
	@$(BIN)/coverage erase
	@NUMBA_DISABLE_JIT=1 $(BIN)/coverage run --source=schemas,detectors -m pytest --numprocesses $(WORKERS) -m "not kafka" --ignore tests/house --timeout 900 $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=95 --skip-covered

lint: $(STAMP) ## Style, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -p homeostat
	@$(BIN)/mypy tests bench
	@$(BIN)/lint-imports

bench: $(STAMP) ## Speed beside its peers, on real Kafka, in one run (BENCH_JSON=file for the figures)
	@$(BIN)/python -m bench.throughput $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

bench-guard: $(STAMP) ## Error rates of the guard over thousands of simulated rollouts
	@$(BIN)/python -m bench.guard $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

bench-latency: $(STAMP) ## From the deciding trace to the gateway's acknowledgement at 5,000 traces/s, beside Kafka alone
	@$(BIN)/python -m bench.latency $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

bench-rollback: $(STAMP) ## Both errors of a rollout on clinics' traffic, and notes to take harm back beside other tests
	@$(BIN)/python -m bench.rollback $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

bench-delay: $(STAMP) ## Delay of each kind's monitor beside an oracle, FOCuS and River's detectors (ARGS="--full")
	@$(BIN)/python -m bench.delay $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

bench-null: $(STAMP) ## False alarms used ÷ declared on streams without a change (ARGS="--full")
	@$(BIN)/python -m bench.null $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

bench-scenarios: $(STAMP) ## The scenarios and what is said of them, by class (ARGS="--held-out" for those kept for the end, "--all")
	@$(BIN)/python -m bench.scenarios $(if $(BENCH_JSON),--json $(BENCH_JSON)) $(ARGS)

faults: $(STAMP) ## The fault trials on real Kafka, full size
	@$(BIN)/pytest -m faults --fault-trials full --timeout 7200 $(ARGS)

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml
lock: $(STAMP) ## Compile the lock files from pyproject.toml
	@$(LOCK) --all-extras --group dev -o requirements.lock
	@$(LOCK) --constraint requirements.lock -o requirements-image.lock

wheel: $(STAMP) ## Build the wheel and the sdist into dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## Remove what the other targets made, .venv included
	@rm -rf $(VENV) dist build .coverage .coverage.* .demo .homeostat
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
