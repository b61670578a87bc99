# Every target makes the virtual environment by itself: uv if present, otherwise a virtual environment that installs uv.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

WIDE := $(VENV)/.installed-wide
# once, before many processes want them at the same time
BUILD_RULES := CHORUS_EDI_CACHE=var/tests-cache $(VENV)/bin/chorus-edi rules --build > /dev/null

.PHONY: help install services demo test test-core test-slow cluster-test oracle race bench-million bench-search check bench docs fixtures clean
.PHONY: hostile fuzz crash load audit bench-night

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(STAMP): pyproject.toml uv.lock
	@bash bin/install $(VENV)
	@touch $@

$(WIDE): pyproject.toml uv.lock
	@bash bin/install $(VENV) --all-extras --group services
	@touch $(STAMP) $@

install: $(STAMP) ## the virtual environment, from uv.lock

services: $(WIDE) ## what the tests start: sshd, PostgreSQL, Redis from Debian (as root), the S3 server, Airflow
	@bash bin/services

demo: install ## flows of every kind, from the drop folder to the answers
	@$(VENV)/bin/chorus-edi demo

check: $(WIDE) ## format, lint, types, imports
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

test-core: $(WIDE) ## the core, and the main way through the shell on SQLite and folders: no server, no Airflow
	@$(BUILD_RULES)
	@$(PY) -m pytest -n 2 --dist worksteal -m "not services and not airflow and not campaign and not shell and not slow"

test: services check ## make check, then every test but the slow ones, with branch coverage
	@$(VENV)/bin/coverage erase
	@$(BUILD_RULES)
	@$(VENV)/bin/coverage run -m pytest -n 3 --dist worksteal -m "not slow"
	@$(VENV)/bin/coverage combine -q
	@$(VENV)/bin/coverage report --fail-under=90

test-slow: services ## Airflow with killed processes, the cluster with 2,000 invoices, crashes, hostile files, mutants
	@$(BUILD_RULES)
	@$(PY) -m pytest -m "slow and alone" --timeout 900 --durations 10
	@$(PY) -m pytest -n 2 --dist loadfile -m "slow and not alone" --timeout 900 --durations 10

cluster-test: services ## 20,000 invoices over SFTP by five partners, two Celery workers, one killed
	@PYTHONPATH=tests $(PY) -m slow.cluster --invoices 20000

oracle: install ## the compiled rules against Saxon: 100,000 mutants of each pack, then 2,000 on the installed sheets
	@$(PY) -m bench.oracle --mutants 100000 --jobs 2
	@$(PY) -m bench.oracle --installed --mutants 2000 --jobs 2
	@$(PY) -m bench.oracle --report

race: install ## the official rules against the engines that others would take
	@bash bin/race-peers || true
	@$(PY) -m bench.race

bench-million: install ## one million generated invoices, drop to reports (25 GB of disk, half an hour)
	@$(PY) -m bench.million

bench-search: services ## search and export over a ledger of one million invoices, on SQLite and PostgreSQL (6 GB of disk)
	@PYTHONPATH=tests $(PY) -m bench.search

bench-night: install ## one night over the home that bench-million left with --keep: time, memory, differences
	@$(PY) -m bench.night var/bench/million

bench: install ## cost per stage and end to end (not a test: figures for people)
	@$(PY) -m bench

hostile: services ## every hostile file, and 10,000 mutants of valid flows: each is answered as the threat tables say
	@PYTHONPATH=tests $(PY) -m hostile --jobs 2

fuzz: install ## 1,000,000 mutants; what is accepted is read again by others (two hours at most; goes on when called again)
	@$(PY) -m bench.fuzz --mutants 1000000 --minutes 120 --jobs 2

crash: services ## kill -9, EIO, ENOSPC and cut links all along one flow, 500 random kills (an hour at most; goes on when called again)
	@$(PY) -m bench.crash --minutes 60

load: install ## 50 small flows a second for five minutes, then 10,000 at once; the invariants are asked every second
	@$(PY) -m bench.soak

audit: install ## the versions of uv.lock against the public list of advisories
	@$(PY) -m bench.audit_dependencies

docs: install ## docs/codes.md again from the catalogue of rules
	@$(PY) docs/make_codes.py

fixtures: install ## make the committed fixtures again from their generator
	@$(PY) -m fixtures.make

clean: ## what the targets made
	@rm -rf $(VENV) $(VENV)-uv var .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
