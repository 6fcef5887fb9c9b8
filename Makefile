# Targets work on a fresh clone that has only Python (3.11 or newer) with pip; all goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
JOBS ?= 2

.PHONY: demo test filecheck pytest lint format bench mlir clean

demo: $(VENV)/demo.stamp
	$(RUN) python examples/demo.py

test: mlir filecheck pytest

filecheck: $(VENV)/test.stamp
	$(RUN) lit -q -j $(JOBS) filecheck

pytest: $(VENV)/test.stamp
	$(RUN) python -m pytest -n $(JOBS)

lint: $(VENV)/test.stamp
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) pyright

format: $(VENV)/test.stamp
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: $(VENV)/bench.stamp
	$(RUN) python -m benchmarks

# mlir-opt judges the text of every rung. Debian's package, installed where that is possible.
mlir:
	@command -v mlir-opt-19 >/dev/null || command -v mlir-opt >/dev/null || $(MAKE) --no-print-directory mlir-install

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo "sudo -n")

.PHONY: mlir-install
mlir-install:
	@if ! command -v apt-get >/dev/null; then \
	  echo "make test: mlir-opt is missing and there is no apt-get to install mlir-19-tools with;" >&2; \
	  echo "  install MLIR's tools yourself, or the tests that need mlir-opt will be skipped" >&2; \
	elif ! { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends mlir-19-tools; }; then \
	  echo "make test: could not install mlir-19-tools (see above); try: sudo apt-get install mlir-19-tools" >&2; \
	  echo "  without mlir-opt the tests that need it will be skipped" >&2; \
	fi

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dialectad needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

# One stamp per set of extras, renewed when pyproject.toml changes.
$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) results .pytest_cache .ruff_cache .hypothesis
