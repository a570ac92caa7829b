# Roomwright's commands. `make help` lists them. Every target sets up what it needs, and is quick when that is done.

.DEFAULT_GOAL := help
.PHONY: help install run test check format docs deep up swarm acceptance bench bench-full bench-docs clean
MAKEFLAGS += --no-print-directory

VENV := .venv/bin
PY := $(VENV)/python
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
JS := tests/js/node_modules/.installed

# `make install PYTHON=python3.12` chooses the interpreter; the others have working defaults too.
export PYTHON
PYTEST_ARGS ?=
SECONDS ?= 300
GATEWAYS ?= 2
LOOPS ?= 2
N ?= 200

# A virtual environment whose interpreter is gone (upgraded, moved) is made anew.
ifeq ($(wildcard $(PY)),)
$(shell rm -f $(INSTALLED) $(INSTALLED_DEV))
endif

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make .venv and install what playing needs

run: $(INSTALLED) ## play: serve http://127.0.0.1:8000 (ROOMWRIGHT_PORT=8080 make run for another port)
	@exec $(PY) -m server run

test: $(INSTALLED_DEV) $(JS) ## every test (PYTEST_ARGS="-k lobby" for some)
	@.ci/servers
	@$(PY) -m tests.verify.interpreters
	@$(PY) -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

check: $(INSTALLED_DEV) $(JS) ## lint, format, types, import contracts, spec, generated docs
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-logo
	$(PY) -m tests.checks
	tests/js/node_modules/.bin/tsc -p tests/js/tsconfig.browser.json
	tests/js/node_modules/.bin/tsc -p tests/js/tsconfig.json
	$(PY) -m server routes check
	$(PY) -m server docs --check

format: $(INSTALLED_DEV) ## format the code and fix what can be fixed
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

docs: $(INSTALLED_DEV) ## write docs/generated anew
	$(PY) -m server docs

deep: $(INSTALLED_DEV) ## long property runs: the simulated world, then every property test (SECONDS=300 each)
	@.ci/servers
	@$(PY) -m server verify --seconds $(SECONDS) --coverage
	@$(PY) -m tests.support.deep $(SECONDS) $(PYTEST_ARGS)

up: $(INSTALLED) ## a fleet on this machine (GATEWAYS=2 LOOPS=2); needs a Redis, see ROOMWRIGHT_LAYER
	@exec $(PY) -m server up --gateways $(GATEWAYS) --loops $(LOOPS)

swarm: $(INSTALLED) ## N bots against a running server, with a report (N=200)
	@exec $(PY) -m clients.python swarm --n $(N)

acceptance: $(INSTALLED_DEV) $(JS) ## what a release is shown by, five times over, with the figures
	@.ci/servers
	$(PY) -m pytest --timeout 0 -s tests/acceptance $(PYTEST_ARGS)

bench: $(INSTALLED_DEV) ## beside Colyseus and plain Channels, in a quarter of an hour
	@.ci/servers || echo "peers that need what is missing are left out"
	@$(PY) -m tests.bench table

bench-full: $(INSTALLED_DEV) ## the rest of the bench, run by run; what is finished is kept
	@.ci/servers || echo "peers that need what is missing are left out"
	@$(PY) -m tests.bench full

bench-docs: $(INSTALLED_DEV) ## docs/performance.md from the finished runs
	@$(PY) -m tests.bench docs

clean: ## remove .venv, caches and the local database
	rm -rf .venv var .bench tests/js/node_modules tests/bench/peers/colyseus/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(INSTALLED): pyproject.toml .ci/venv
	@.ci/venv redis
	@touch $@

$(INSTALLED_DEV): pyproject.toml .ci/venv
	@.ci/venv dev
	@touch $(INSTALLED) $@

$(JS): tests/js/package.json
	@.ci/servers
	@cd tests/js && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@
