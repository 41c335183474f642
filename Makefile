# make run    create .venv with zerokd alone and train a student with the documented recipe
# make test   add what tests need to .venv and run all tests, including those of the packages in plugins/
# make lint   check style and types
# make docs   build the documentation into site/

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
RUNS    := $(VENV)/.runs
READY   := $(VENV)/.ready
# Modules are compiled when they are first imported, since most never are; tests start thousands of processes.
unexport PYTHONDONTWRITEBYTECODE
# uv takes a fifth of pip's time; where it finds no package index, pip does it.
UV      := $(BIN)/python -m uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
PIP     := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
install  = $(UV) $(1) || { echo "uv cannot install this; pip does:"; $(PIP) $(1); }
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
LONGEST := plugins/zerokd-ray
MODULES := $(patsubst %/__init__.py,%,$(wildcard plugins/*/zerokd_*/__init__.py))

.PHONY: run test test-plugins lint docs setup clean

run: $(RUNS)
	$(BIN)/zerokd run recipes/paper.toml

# Threads that wait leave the processor to other tests.
test: export OMP_WAIT_POLICY = PASSIVE
test: setup
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal
	$(MAKE) test-plugins

# Tests each installed package through its entry point, three at a time, and prints its output when it ends.
test-plugins: setup
	$(BIN)/zerokd plugins
	@printf '%s\n' $(LONGEST) $(filter-out $(LONGEST),$(PLUGINS)) | xargs -P 3 -I PACKAGE sh -c \
		'output=$$(cd PACKAGE && $(abspath $(BIN))/python -m pytest -q 2>&1); code=$$?; echo "PACKAGE"; echo "$$output"; exit $$code'

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy zerokd $(MODULES)

docs: setup
	$(BIN)/python -m tools.site --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

setup: $(READY)

$(BIN)/python:
	@echo "Creating $(VENV): this takes a minute or a few, and several GB if torch includes CUDA."
	$(PYTHON) -m venv $(VENV)
	-$(PIP) uv

$(RUNS): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,--editable .)
	touch $@

$(READY): pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml) | $(BIN)/python
	$(call install,--editable '.[test]' $(PLUGINS:%=--editable %))
	touch $(RUNS) $@

clean:
	rm -rf $(VENV) build site *.egg-info plugins/*/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
