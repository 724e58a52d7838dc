# Everything for working in this checkout. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run test test-integrations check prove-safety docs bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s  %s\n", $$1, $$2 }' Makefile

run: $(READY) ## start a simulated home and its hub and show both live, until Ctrl-C
	@$(VENV)/bin/indevolt demo || [ $$? -eq 130 ] # which is Ctrl-C

test: $(READY) ## run the tests; those of the page need a Chromium, which is installed where it may be
	@$(PY) tests/web/chromium.py
	@$(PY) -m pytest

test-integrations: $(READY) ## run the tests with a real Home Assistant and with Schemathesis, which are installed the first time, outside this folder
	$(PY) tests/integrations/installed.py
	$(PY) -m pytest -m integration tests/integrations

check: $(READY) ## lint, format, types, layers, generated docs: everything but the tests
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m pytest -q tests/test_layers.py tests/test_source_rules.py
	$(PY) docs/generate.py --check
	$(PY) packaging/check_page.py

prove-safety: $(READY) ## take out each safety rule and see that a test notices (ten minutes)
	$(PY) packaging/prove_safety.py

docs: $(READY) ## write the generated reference pages anew
	$(PY) docs/generate.py

bench: $(READY) ## measure against others, side by side (hours; see benchmarks/README.md)
	$(PY) benchmarks/import_time.py
	$(PY) benchmarks/poll.py
	$(PY) benchmarks/serve.py
	$(PY) benchmarks/instructions.py
	$(PY) benchmarks/physics.py
	$(PY) benchmarks/fleet.py
	$(PY) benchmarks/hub.py
	$(PY) benchmarks/live.py
	$(PY) benchmarks/plan.py
	$(PY) benchmarks/kill9.py
	$(PY) benchmarks/zero_export.py

clean: ## remove everything that make and the tools made here
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
	find src tests docs examples benchmarks packaging -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, and again when what it holds may have changed. The stamp comes last, so an interrupted one is redone.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$(command -v $(PYTHON) >/dev/null && $(PYTHON) --version 2>&1 || echo missing); \
	  echo "indevolt needs Python 3.11 or newer, but $(PYTHON) is $$found." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Preparing $(VENV) (only the first time, and when the dependencies change) ..."
	@$(PY) -c '' 2>/dev/null || rm -rf $(VENV)
	@if [ -x $(PY) ]; then :; \
	elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -c 'import pip, venv' 2>/dev/null; then $(PYTHON) -m venv --without-pip $(VENV); \
	else echo "$(PYTHON) can make no virtual environment: it has neither ensurepip nor pip." \
	          "On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; fi
	@if $(PY) -c 'import pip' 2>/dev/null; then $(PY) -m pip install --quiet --upgrade --constraint constraints.txt pip; \
	else $(PYTHON) -m pip --python $(PY) install --quiet --constraint constraints.txt pip; fi
	@$(PY) -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt \
	  --group test --group check --editable '.[cli,control,fast,hub,parquet,postgres]'
	@touch $(READY)
