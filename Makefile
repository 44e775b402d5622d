# `make` alone lists the targets.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools

# A Debian without python3-venv makes environments without pip; then the pip outside installs into it.
PIP = $(if $(wildcard $(BIN)/pip),$(BIN)/python -m pip,$(PYTHON) -m pip --python $(BIN)/python)

# Runs $(1) with a dot for each two seconds, and shows its output only when it fails.
define patiently
$(1) > $(VENV)/install.log 2>&1 & pid=$$!; trap 'kill $$pid; exit 130' INT TERM; \
while kill -0 $$pid 2>/dev/null; do printf . >&2; sleep 2; done; echo >&2; \
wait $$pid || { tail -n 20 $(VENV)/install.log >&2; exit 1; }
endef

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help run demo test lint format configuration bench migrate doctor secrets sbom backup

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

run: $(INSTALLED) ## Run the whole platform on this machine (http://localhost:8080/docs/)
	@FLASK_SKIP_DOTENV=1 exec $(BIN)/flask up

demo: $(INSTALLED) ## Walk through the platform as a REST client, while `make run` runs
	@$(BIN)/python -m heidi_standalone.demo

test: $(TOOLS) ## Lint, types, contracts and all tests (installs RabbitMQ by apt where it may)
	@command -v rabbitmq-server > /dev/null || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null || { \
		echo "Installing RabbitMQ for the tests ..."; \
		apt-get -q update > /dev/null && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qy install \
			--no-install-recommends rabbitmq-server > /dev/null; } || echo "RabbitMQ could not be installed"
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -q --cov --cov-report=
	@$(BIN)/python -m tests.coverage_summary

lint: $(TOOLS) ## ruff, mypy, import contracts, bandit
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -r -c pyproject.toml heidi_common heidi_services heidi_standalone workers

format: $(TOOLS) ## Put the code into its one form
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

configuration: $(INSTALLED) ## Write docs/configuration.md from the declarations of the settings
	@$(BIN)/python -m heidi_common.config.reference > docs/configuration.md

bench: $(TOOLS) ## Measure, and write a table with the floors of the same run
	@$(BIN)/python -m benchmarks

migrate: $(INSTALLED) ## Bring the tables of DATABASE_URL up to date (or those of the running standalone platform)
	@$(BIN)/flask $(if $(DATABASE_URL)$(DATABASE_URL_FILE),,-e $(or $(HEIDI_HOME),.heidi)/env) --app wsgi db upgrade

doctor: $(INSTALLED) ## Can every dependency be reached, and what to do if not
	@$(BIN)/flask doctor

secrets: $(INSTALLED) ## New secrets for docker compose: make secrets > .env
	@$(BIN)/python deploy/new_env.py

backup: $(INSTALLED) ## Dump the database to backups/, keep 30 days
	@$(BIN)/python deploy/backup/backup.py

sbom: $(INSTALLED) ## What is installed, as CycloneDX JSON in sbom.json
	@$(BIN)/python deploy/sbom.py > sbom.json && echo "sbom.json"

# Made again only when what it depends on has changed; an installation that broke off leaves no stamp.
$(INSTALLED): setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "Heidi needs Python 3.11 or later"; exit 1; }
	@test -x $(BIN)/python || { echo "Making the virtual environment $(VENV)" >&2; \
		$(PYTHON) -m venv $(VENV) > /dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV); }
	@printf 'Installing packages (a minute or two, the first time) ' >&2; \
		$(call patiently,$(PIP) install -c constraints.txt -e '.[standalone]')
	@touch $@

$(TOOLS): $(INSTALLED)
	@printf 'Installing the tools for tests ' >&2; $(call patiently,$(PIP) install -c constraints.txt -e '.[test]')
	@touch $@
