# make run    set up and train a student from the documented recipe
# make test   set up and pass all tests
# make lint   style and types

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test lint setup clean

run: setup
	$(BIN)/zerokd run recipes/paper.toml

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy zerokd

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV): some minutes, several GB where torch comes with CUDA"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(READY)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
