# `make demo` and `make test` set up everything they need in .venv; Python 3.11 or newer and make are enough.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --no-input -qq -c constraints.txt
PYTEST_ARGS ?= -n 2

# The first of these that is Python 3.11 or newer and can make virtual environments; `make PYTHON=…` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help install demo test check format bench clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Thalweg needs Python 3.11 or newer with the venv module (on Debian: apt-get install python3-venv);" \
		"none was found: name one with 'make PYTHON=/path/to/python3'." >&2; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) …"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)

# What running Thalweg takes.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Thalweg and what it runs on into $(VENV) (one to three minutes) …"
	@start=$$SECONDS; $(PIP) -e . && echo "Installed in $$((SECONDS - start)) s."
	@touch $@

# What the tests and checks take besides. PyTorch goes first and alone, with exactly the pinned version: any other release
# brings gigabytes of CUDA libraries, which Thalweg does not use.
$(VENV)/.complete: $(VENV)/.runtime
	@echo "Installing PyTorch (CPU) and the development tools into $(VENV) (one to three minutes) …"
	@start=$$SECONDS; $(PIP) torch && $(PIP) -e '.[dev]' && echo "Installed in $$((SECONDS - start)) s."
	@touch $@

install: $(VENV)/.complete ## make .venv with Thalweg, its extras and the development tools
	@echo "Ready: $(BIN)/thalweg --help"

demo: $(VENV)/.runtime ## compare eight optimizers on real data; leaderboard here, report in out/
	@mkdir -p out
	$(BIN)/thalweg compare digits --effort quick --report out/digits.html

test: $(VENV)/.complete ## pass all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.complete ## lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.complete ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.complete ## measure the targets of docs/benchmarks.md
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean: ## remove .venv, caches and what the demo wrote
	rm -rf $(VENV) out build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
