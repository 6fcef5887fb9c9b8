# Targets work on a fresh clone that has only Python (3.11 or newer) with pip; all goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
JOBS ?= 2

.PHONY: demo test filecheck pytest lint format bench mlir browser clean

demo: $(VENV)/demo.stamp
	$(RUN) python examples/demo.py

test: mlir browser filecheck pytest

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

gallery: $(VENV)/bench.stamp
	$(RUN) python docs/gallery.py

# mlir-opt judges the text of every rung, a browser the page of a comparison: Debian's packages, installed where
# that is possible.
mlir:
	@command -v mlir-opt-19 >/dev/null || command -v mlir-opt >/dev/null || $(call install,mlir-19-tools)

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || $(call install,chromium)

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo "sudo -n")

define install
if ! command -v apt-get >/dev/null; then \
  echo "make: $(1) is missing and there is no apt-get to install it with; install it yourself," >&2; \
  echo "  or the tests that need it can't pass" >&2; \
elif ! { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $(1); }; then \
  echo "make: could not install $(1) (see above); try: sudo apt-get install $(1)" >&2; \
  echo "  without it the tests that need it can't pass" >&2; \
fi
endef

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
