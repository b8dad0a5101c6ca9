# The same commands for people and CI. Needs Python 3.11 or newer, pip, make and git; the rest goes into .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin

# The newest Python that runs: a version manager's shim can be on the path without a Python behind it.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: help demo test check bench test-slow test-browser test-compose compose-headless compose-up compose-down lock clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

demo: .venv/.runtime ## start the simulated service, load it for under a minute, write the report
	$(BIN)/harness demo

test: .venv/.dev ## the test suite, but for slow, browser and compose tests
	$(BIN)/pytest -n 4 --dist worksteal -m "not slow and not browser and not compose"

check: .venv/.dev ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev ## speed of engine, harness, target and simulator, as ratios (soak: benchmarks/soak.py)
	@for name in engine analysis overhead simulator target; do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done
	@echo "== micro"; $(BIN)/pytest -q benchmarks/micro --benchmark-json=benchmarks/results/micro.json

test-slow: .venv/.dev ## simulations and soaks
	$(call run-marked,slow,-n 2)

test-browser: .venv/.dev ## what needs Chromium
	$(call run-marked,browser)

test-compose: .venv/.dev ## what needs a Docker engine
	$(call run-marked,compose)

compose-headless: ## in containers: SCENARIO=demo WORKERS=2 LOCUST_ARGS="--levels 5,10 --hold-s 10"
	@deploy/compose/headless

compose-up: ## in containers: the web UI at port 8089, with WORKERS=2
	@mkdir -p benchmarks/results
	docker compose up --detach --wait
	@echo "web UI: http://$$(docker compose port master 8089)"

compose-down: ## end what compose-up started; a test that runs is ended in order
	docker compose down

compose-up: export HARNESS_UID ?= $(shell id -u)
compose-up: export HARNESS_GID ?= $(shell id -g)
compose-up: export GIT_COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)$(shell \
	git diff-index --quiet HEAD -- 2>/dev/null || [ $$? != 1 ] || echo +changes)

lock: .venv/.dev ## resolve pyproject.toml into requirements.txt and requirements-dev.txt again
	$(LOCK) --extra target -o requirements.txt pyproject.toml
	$(LOCK) --extra target --extra dev -o requirements-dev.txt pyproject.toml

clean: ## remove .venv, caches and build products; results stay
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --no-header --no-annotate --upgrade --quiet

# pytest's exit code 5 is "no test was run", which must not look like a pass.
define run-marked
$(BIN)/pytest -m $(1) $(2) || { code=$$?; \
	(( code != 5 )) || echo "no test is marked '$(1)': nothing was tested"; exit $$code; }
endef

# --- .venv: made once; installed again only when what it was installed from has changed --------------

# Some distributions' Python has no ensurepip; the pip beside it then installs into .venv from outside.
.venv/.made:
	@[ -n "$(PYTHON)" ] || { echo "no Python 3.11 or newer found: install one, or make ... PYTHON=/path/to/it"; exit 1; }
	"$(PYTHON)" -m venv --clear .venv 2>/dev/null || "$(PYTHON)" -m venv --clear --without-pip .venv
	touch $@

define install
@echo "installing $(1) into .venv ..."
@pip=($(BIN)/python -m pip); "$${pip[@]}" --version >/dev/null 2>&1 || pip=(pip --python $(BIN)/python); \
	"$${pip[@]}" install --quiet --disable-pip-version-check -r $(1); \
	"$${pip[@]}" install --quiet --disable-pip-version-check --no-deps -e .
endef

.venv/.runtime: .venv/.made requirements.txt pyproject.toml
	$(call install,requirements.txt)
	@touch $@

# What the tests need includes what the demo needs.
.venv/.dev: .venv/.made requirements-dev.txt pyproject.toml
	$(call install,requirements-dev.txt)
	@touch .venv/.runtime $@
