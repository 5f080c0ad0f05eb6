# The commands of spikebridge. Every path is relative, so a folder with a space in its name works; so does `make -C folder`.
# Variables reach the shell through the environment and in quotes, for the same reason.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# PYTHON=/path/to/python3.12 names the interpreter; otherwise the newest supported one is taken.
# PARAMS and DATA serve `make repro`; WORKERS is the number of test processes: three keep two cores busy, since
# many tests wait for processes that they started.
WORKERS ?= 3
# Only what stands on make's command line counts: a DATA that the shell happens to hold must not rewrite params.yaml.
ifneq ($(origin PARAMS),command line)
PARAMS :=
endif
ifneq ($(origin DATA),command line)
DATA :=
endif
export PYTHON PARAMS DATA WORKERS UPGRADE

BIN := .venv/bin
# A test process that dies ends the run: with one put in its place, pytest-xdist may wait for ever.
PYTEST = TMPDIR="$$(sh scripts/temporary_folder.sh)" OMP_NUM_THREADS=1 $(BIN)/python $(COVERAGE) -m pytest -n "$$WORKERS" --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: help repro demo test check types all-tests browser servers slurm calibration bench docs fix experiments ui lock clean environment

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

environment: .venv/.installed ## make or mend .venv (the other targets do this by themselves)

.venv/.installed: requirements.lock pyproject.toml scripts/install.py scripts/install_torch.py
	@python=$$(sh scripts/find_python.sh) && "$$python" scripts/install.py

repro: .venv/.installed ## run the whole pipeline; PARAMS=file.yaml DATA=folder takes other parameters and data
	@if [ -n "$$PARAMS$$DATA" ]; then \
	    set -- "$${PARAMS:-params.yaml}"; \
	    if [ -n "$$DATA" ]; then set -- "$$@" --set "data.path=$$DATA"; fi; \
	    $(BIN)/spikebridge use "$$@"; \
	fi
	@$(BIN)/spikebridge run
	@$(BIN)/spikebridge results

demo: .venv/.installed ## two small simulated recordings through every stage, then their report, in the folder demo/
	@$(BIN)/spikebridge demo

test: .venv/.installed ## the tests that a change is likely to break, and one whole pipeline (five minutes)
	@$(PYTEST) -m "not slow"

check: .venv/.installed ## lint, types, docstrings, all tests with coverage: what CI runs (some twenty minutes)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python scripts/check_docstrings.py
	@$(MAKE) -j 2 types all-tests

types:
	@$(BIN)/mypy

all-tests: COVERAGE = -m slipcover --silent
all-tests:
	@unset MAKEFLAGS MAKELEVEL; $(PYTEST)

browser: ## install Debian's Chromium (as root), for the tests that read pages; they skip without it
	@sh scripts/install_browser.sh --here

servers: .venv/.installed ## install SeaweedFS, and as root Debian's PostgreSQL and SSH server: tests of a shared store skip without
	@sh scripts/install_servers.sh --here

slurm: ## install Debian's SLURM (as root), for the tests of batch systems; they skip without it
	@sh scripts/slurm.sh install --here

calibration: .venv/.installed ## simulate studies with known truth: which tests hold 5 %; reports/calibration (half an hour)
	@$(BIN)/python scripts/calibration.py

bench: .venv/.installed ## measure speed and quality; tables in benchmarks/results (an hour or so)
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/binning.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/ingest.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/glm_speed.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/workers.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fan_out.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scaling.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/statistics_speed.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/quality.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/quality.py --on regimes
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/unseen.py --on simulator real
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/recovery.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/claims.py
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/gates.py

docs: .venv/.installed ## build the docs site, site/index.html, without a network; the tutorials are run (three minutes)
	@$(BIN)/python scripts/build_docs.py

fix: .venv/.installed ## mend what can be mended automatically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

experiments: .venv/.installed ## the experiments of `dvc exp run`: scores and the parameters that differ, on one screen
	@$(BIN)/dvc exp show --no-pager --only-changed --drop '.*/|bits_..|peer' --keep 'bacc|p_holm|bits$$'

ui: .venv/.installed ## the MLflow UI, on this machine only
	@$(BIN)/spikebridge ui

# torch is left out: one version number stands for several builds. What is pinned stays pinned; UPGRADE=1 lifts all of it.
lock: .venv/.installed ## make requirements.lock again from pyproject.toml
	@echo torch > .venv/not-locked.txt
	@$(BIN)/uv pip compile pyproject.toml --extra dev --group environment --excludes .venv/not-locked.txt \
	    --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
	    $${UPGRADE:+--upgrade} --quiet --output-file requirements.lock

clean: ## remove the environment and caches; data, results and the MLflow store stay
	rm -rf .venv site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . \( -path ./.git -o -path ./.dvc -o -path ./data -o -path ./runs -o -path ./mlruns \) -prune -o \
	    -name __pycache__ -type d -prune -exec rm -rf {} +
