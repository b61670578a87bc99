# Every target makes the virtual environment by itself: uv if present, otherwise a virtual environment that installs uv.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help install demo test check bench docs fixtures clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

$(STAMP): pyproject.toml uv.lock
	@bash bin/install $(VENV)
	@touch $@

install: $(STAMP) ## the virtual environment, from uv.lock

demo: install ## flows of every kind, from the drop folder to the answers
	@$(VENV)/bin/chorus-edi demo

check: install ## format, lint, types, imports
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

test: check ## make check, then every test with branch coverage
	@$(VENV)/bin/coverage erase
	@$(VENV)/bin/coverage run -m pytest -n 2 --dist worksteal
	@$(VENV)/bin/coverage combine -q
	@$(VENV)/bin/coverage report --fail-under=90

bench: install ## cost per stage and end to end (not a test: figures for people)
	@$(PY) -m bench

docs: install ## docs/codes.md again from the catalogue of rules
	@$(PY) docs/make_codes.py

fixtures: install ## make the committed fixtures again from their generator
	@$(PY) -m fixtures.make

clean: ## what the targets made
	@rm -rf $(VENV) $(VENV)-uv var .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
