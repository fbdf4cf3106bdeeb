# floodmark's commands. Every target makes the environment it needs; `make` alone lists them.

VENV ?= .venv
OUTPUT ?= soak-output
BIN := $(VENV)/bin
# The first interpreter that runs and is new enough; PYTHON=/path/to/python overrides it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv install --quiet
# Two at a time: most of the suite waits. The soaks of the main job share a group, and so run one after the other.
PYTEST := -m pytest -n 2 --dist loadgroup
# Bytecode is kept in the environment, also for who wants none beside the sources: compiling anew in each of the suite's
# many processes takes a third of its time.
TEST = PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX='$(abspath $(VENV))/pycache' $(BIN)/python $(PYTEST)
SOURCES := caches sidecar soak tests

.DEFAULT_GOAL := help
.PHONY: help soak soak-five bench-maps bench-judge bench-judge-speed bench-culprits bench-leaks bench-cost bench-hammer bench-history bench-long record-controls test test-quick test-wheel test-lowest check format lock clean

help:
	@echo 'make soak         the main job: leaky must be climbing, bounded must be steady (six minutes)'
	@echo 'make test         the whole suite'
	@echo 'make test-quick   the suite without the tests that run a soak'
	@echo 'make test-wheel   the quick part against the built wheel, without the sources beside it'
	@echo 'make test-lowest  the quick part against the lowest versions that pyproject.toml allows'
	@echo 'make check        lint, types and formatting'
	@echo 'make bench-maps   the maps beside their peers, recorded in reports/maps.md (some 25 minutes)'
	@echo 'make bench-judge  how often the judge errs, beside other rules, recorded in reports/judge.md (an hour and more)'
	@echo 'make bench-judge-speed  how long the judge takes, recorded in reports/judge-speed.md (some two minutes)'
	@echo 'make bench-culprits  how well planted leaks are named, recorded in reports/culprits.md (some three minutes)'
	@echo 'make bench-leaks  leaks that packages had once, recorded in reports/real-leaks.md (forty minutes; BENCH_OPTIONS="--cases DIR")'
	@echo 'make bench-cost   what floodmark costs a service under load, beside others, recorded in reports/cost.md (half an hour)'
	@echo 'make bench-hammer ten thousand captures of a process whose threads fight for every lock, recorded in reports/hammer.md'
	@echo 'make bench-history  what the sidecar takes of memory while its history grows, recorded in reports/sidecar-memory.md (two minutes)'
	@echo 'make bench-long   a soak of two hours that is killed twice, and one that ends early, recorded in reports/soak-2h.md (2 h 30 min)'
	@echo 'make record-controls  soaks whose truth is known, kept in tests/data (nearly three hours from the start)'
	@echo 'make soak-five    the main job five times in a row, recorded in reports/soak-repeat.md'
	@echo 'make lock         resolve the lock files anew'

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo 'floodmark needs Python 3.11 or newer and found none on PATH.' >&2; \
		echo 'Install one (Debian 12: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.11 …' >&2; \
		exit 2; fi
	@if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo 'floodmark needs Python 3.11 or newer; $(PYTHON) is older or does not run.' >&2; exit 2; fi
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
		echo '$(PYTHON) cannot make a virtual environment: its venv module is missing.' >&2; \
		echo 'On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 2; fi
	@echo 'making $(VENV) with' "$$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(VENV)/.soak: requirements-soak.txt pyproject.toml | $(BIN)/python
	@echo 'installing floodmark and what a soak needs into $(VENV)'
	@$(INSTALL) --require-hashes -r requirements-soak.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(BIN)/python
	@echo 'installing floodmark and its development tools into $(VENV)'
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.soak

soak: $(VENV)/.soak
	@$(BIN)/floodmark soak --builtin image-pipeline $(SOAK_OPTIONS)

soak-five: $(VENV)/.soak
	@$(BIN)/python -m floodmark_soak.repeat --times 5 --report reports/soak-repeat.md

# The peers have an environment of their own: nothing else needs them.
BENCH := $(VENV)-bench
$(BENCH)/.bench: requirements-bench.txt pyproject.toml | $(BIN)/python
	@echo 'installing floodmark and the peers of its maps into $(BENCH)'
	@$(BIN)/python -m venv $(BENCH)
	@$(subst $(BIN),$(BENCH)/bin,$(INSTALL)) --require-hashes -r requirements-bench.txt
	@$(subst $(BIN),$(BENCH)/bin,$(INSTALL)) --no-deps --no-build-isolation -e .
	@touch $@

bench-maps: $(BENCH)/.bench
	@$(BENCH)/bin/python -m tests.bench.maps $(BENCH_OPTIONS)

# A run that was cut goes on where it stopped: its outcomes are in build/bench-judge.
bench-judge: $(BENCH)/.bench
	@$(BENCH)/bin/python -m tests.bench.judge $(BENCH_OPTIONS)

bench-judge-speed: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.judge.speed $(BENCH_OPTIONS)

bench-culprits: $(VENV)/.dev
	@$(BIN)/python -m tests.planted $(BENCH_OPTIONS)

# A run that was cut goes on where it stopped: what was seen is in build/bench-leaks.
bench-leaks: $(VENV)/.dev
	@$(BIN)/python -m tests.leaks $(BENCH_OPTIONS)

bench-cost: $(BENCH)/.bench
	@$(BENCH)/bin/python -m tests.bench.cost $(BENCH_OPTIONS)

bench-hammer: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.hammer $(BENCH_OPTIONS)

bench-history: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.history $(BENCH_OPTIONS)

bench-long: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.long $(BENCH_OPTIONS)

# What was run is in build/controls; only what is missing there is run.
record-controls: $(VENV)/.dev
	@$(BIN)/python -m tests.data.record $(RECORD_OPTIONS)

test: $(VENV)/.dev
	@$(TEST) $(TEST_OPTIONS)

test-quick: $(VENV)/.dev
	@$(TEST) -m 'not slow' $(TEST_OPTIONS)

test-wheel: $(VENV)/.dev
	@BIN=$(BIN) sh tests/run_on_wheel.sh requirements-dev.txt $(TEST_OPTIONS)

# Warnings are no errors here: libraries of years ago warn about each other.
test-lowest: $(VENV)/.dev
	@BIN=$(BIN) sh tests/run_on_wheel.sh requirements-lowest.txt -W default $(TEST_OPTIONS)

check: $(VENV)/.dev
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock' pyproject.toml
lock: $(VENV)/.dev
	@$(LOCK) --extra soak --group build --output-file requirements-soak.txt
	@$(LOCK) --all-extras --group dev --output-file requirements-dev.txt
	@$(LOCK) --all-extras --group bench --group build --output-file requirements-bench.txt
	@$(LOCK) --all-extras --group dev --resolution lowest-direct --output-file requirements-lowest.txt

clean:
	rm -rf $(VENV) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
