# Jiangxin. `make run` and `make test` need Python 3.11 or newer and nothing else.

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
APPLICATIONS ?= 1000000
# the demonstration stands inside the 2026 window; production refuses a pinned clock
PORTAL_TODAY ?= 2026-08-03

.DEFAULT_GOAL := help
.PHONY: help run test check bench clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: export PORT := $(PORT)
run: export PORTAL_TODAY := $(PORTAL_TODAY)
run: .venv/runtime ## install, migrate, load the demonstration once, serve web and worker on PORT (8000)
	@$(BIN)/python -m portal.translations.build >/dev/null
	@$(BIN)/flask db upgrade
	@$(BIN)/flask demo load
	@exec $(BIN)/python -m portal.serve

test: .venv/development ## run the whole test suite
	$(BIN)/pytest -n 3 --dist worksteal -ra

check: .venv/development ## lint, formatting, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/development ## measure on APPLICATIONS (1000000) on both databases, beside the bare statements
	$(BIN)/python -m tests.load.bench $(APPLICATIONS)

clean: ## remove what was built; data in instance/ stays
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf portal/translations/zh_Hans_CN

.venv/runtime: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt .venv/runtime | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python cannot make environments here: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
