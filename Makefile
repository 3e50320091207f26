PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Whatever the sandbox component is built from: a change there builds it again.
GUEST := $(wildcard kernel/chassis/guest/*.py kernel/chassis/guest/*.wit adapters/sdk/*.py)
INPUTS := pyproject.toml constraints.txt hatch_build.py $(GUEST)

demo: .venv/.installed
	@$(BIN)/ifctl demo

run: .venv/.installed
	@$(BIN)/ifctl up

test: .venv/.installed-dev
	$(BIN)/pytest

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/run.py

dist: .venv/.installed-dev
	rm -rf dist
	$(BIN)/python -m build

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "InfraFabric needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "this python3 cannot make a venv (Debian: apt install python3-venv)" >&2; exit 1; }

.venv/.installed: $(INPUTS) | .venv/bin/pip
	@echo "installing InfraFabric and building its sandbox component (once; under three minutes)"
	$(BIN)/pip install -q -e .
	@touch $@

.venv/.installed-dev: $(INPUTS) | .venv/bin/pip
	$(BIN)/pip install -q -e '.[dev]'
	@touch .venv/.installed $@

.PHONY: demo run test check bench dist
