# `make` alone lists the targets.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
# A variable, since a comma separates the arguments of $(call).
WITH_TOOLS := .[test,deploy]

# Debian without python3-venv creates environments without pip. Then the system's pip installs into the environment.
PIP = $(if $(wildcard $(BIN)/pip),$(BIN)/python -m pip,$(PYTHON) -m pip --python $(BIN)/python)

# Runs $(1), prints a dot every two seconds, and shows its output only if it fails.
define with_dots
$(1) > $(VENV)/install.log 2>&1 & pid=$$!; trap 'kill $$pid; exit 130' INT TERM; \
while kill -0 $$pid 2>/dev/null; do printf . >&2; sleep 2; done; echo >&2; \
wait $$pid || { tail -n 20 $(VENV)/install.log >&2; exit 1; }
endef

export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Variables of other projects that would change how pip, Python, Flask and PostgreSQL's clients work. What pip needs to
# reach an index is kept.
PIP_NETWORK := $(addprefix PIP_,INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX PROXY CERT CLIENT_CERT TRUSTED_HOST TIMEOUT \
	DEFAULT_TIMEOUT RETRIES CACHE_DIR NO_CACHE_DIR CONFIG_FILE KEYRING_PROVIDER NO_INPUT DISABLE_PIP_VERSION_CHECK)
FOREIGN := $(filter-out $(PIP_NETWORK),$(filter PIP_% PYTHON% FLASK_% GUNICORN_% PG%,$(.VARIABLES)))
$(foreach name,$(FOREIGN),$(eval unexport $(name)))

# Under sudo in a folder of another user: files of root would lock that user out.
define refuse_sudo
@if test "$$(id -u)" = 0 && test "$${SUDO_UID:-0}" != 0 && test ! -O .; then \
	echo "This folder belongs to $$(ls -ld . | awk '{print $$3}'), who could not use what root creates here. \
Run \`make run\` without sudo." >&2; exit 1; fi
endef

.DEFAULT_GOAL := help
.PHONY: help run owner demo test ops-test faults lint format configuration events schema screenshots bench migrate doctor secrets kubernetes-secrets sbom audit release backup

# Installs the packages $(2) with apt unless the command $(1) succeeds. $(3) is what they are called.
# RUNLEVEL=1: no server of a package is started.
define apt
@$(1) > /dev/null 2>&1 || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null || { \
	echo "Installing $(3) for the tests ..."; \
	apt-get -q update > /dev/null && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qy install \
		--no-install-recommends $(2) > /dev/null; } || echo "$(3) could not be installed."
endef

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

owner:
	$(refuse_sudo)

run: owner $(INSTALLED) ## Run the whole platform on this machine (http://localhost:8080/docs/)
	@FLASK_SKIP_DOTENV=1 exec $(BIN)/python -m flask up

demo: $(INSTALLED) ## Demonstrate the platform as a REST client, while `make run` is running
	@$(BIN)/python -m heidi_standalone.demo

test: $(TOOLS) ## Run all checks and tests (installs RabbitMQ, Chromium and more with apt if possible)
	$(call apt,command -v rabbitmq-server,rabbitmq-server,RabbitMQ)
	$(call apt,command -v chromium,chromium fonts-dejavu-core,Chromium)
	$(call apt,command -v promtool,prometheus,promtool)
	$(call apt,ls /usr/lib/*/faketime,faketime,libfaketime)
	$(call apt,command -v clamd,clamav-daemon,ClamAV)
	$(call apt,command -v spamassassin,spamassassin,SpamAssassin)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -q --cov --cov-report=
	@$(BIN)/python -m tests.coverage_summary

ops-test: $(TOOLS) ## Test operation: alerts, backups, PgBouncer, migrations, rolling restarts, the image (installs Prometheus and more with apt if possible)
	$(call apt,command -v promtool,prometheus,Prometheus)
	$(call apt,command -v pgbouncer,pgbouncer,PgBouncer)
	$(call apt,which buildah debootstrap,buildah debootstrap,buildah and debootstrap)
	@$(BIN)/pytest -q -m "operations or not operations" tests/operations tests/backup tests/deploy/test_alert_rules.py \
		tests/deploy/test_alerting.py tests/standalone/test_prepare.py

faults: $(TOOLS) ## Kill processes, set the clock, fill the disk, damage files (installs libfaketime with apt if possible)
	$(call apt,ls /usr/lib/*/faketime,faketime,libfaketime)
	@$(BIN)/pytest -q tests/faults tests/standalone/test_power_cuts.py

lint: $(TOOLS) ## Run ruff, mypy, import-linter and bandit
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -r -c pyproject.toml heidi_common heidi_services heidi_standalone heidi_console heidi_realtime heidi_backup workers

format: $(TOOLS) ## Format the code
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

configuration: $(INSTALLED) ## Write docs/configuration.md from the declarations of the settings
	@$(BIN)/python -m heidi_common.config.reference > docs/configuration.md

schema: $(INSTALLED) ## Write the GraphQL schema from the code
	@$(BIN)/python -m heidi_services.core.graphql.schema

events: $(INSTALLED) ## Write docs/events.md from the classes of the events
	@$(BIN)/python -m heidi_common.messaging.event_catalog > docs/events.md

screenshots: $(TOOLS) ## Take the screenshots of the documents, while `make run` is running and after `make demo`
	@$(BIN)/python -m tests.console.screenshots

bench: $(TOOLS) ## Run the benchmarks and their baselines, and write the results
	@$(BIN)/python -m benchmarks

migrate: $(INSTALLED) ## Migrate the database at DATABASE_URL (default: that of the running standalone platform)
	@$(BIN)/python -m flask $(if $(DATABASE_URL)$(DATABASE_URL_FILE),,-e "$${HEIDI_HOME:-.heidi}/env") --app wsgi db upgrade

doctor: $(INSTALLED) ## Check all dependencies and say how to fix what fails
	@$(BIN)/python -m flask doctor

# Not in `help`, whose pattern has no dot. An existing file is kept: its passwords are those of the databases.
.env: | $(INSTALLED)
	@umask 077 && $(BIN)/python deploy/new_env.py > .env.new && mv .env.new .env && \
		echo ".env has new secrets for docker compose, for its owner only. Keep a copy elsewhere."

secrets: $(INSTALLED) ## Print new secrets (`make .env` writes them for docker compose, unless it exists)
	@$(BIN)/python deploy/new_env.py

kubernetes-secrets: $(INSTALLED) ## Write new secrets for the overlay for development of deploy/kubernetes
	@$(BIN)/python deploy/new_env.py deploy/kubernetes/overlays/development

backup: $(INSTALLED) ## Back up the database (docs/operations.md)
	@FLASK_SKIP_DOTENV=1 $(BIN)/python -m flask backup create

sbom: $(TOOLS) ## List the packages that run in sbom.json (CycloneDX), and their licenses in licenses.md
	@$(BIN)/python deploy/sbom.py

audit: $(TOOLS) ## Look for known vulnerabilities of the pinned packages (needs api.osv.dev)
	@$(BIN)/python deploy/audit_packages.py

release: $(TOOLS) ## Build the archive of the last commit in dist/, with its bill of materials and checksums
	@$(BIN)/python deploy/release.py

# Runs again only if a prerequisite has changed. An interrupted installation does not create the stamp file.
$(INSTALLED): setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "Heidi requires Python 3.11 or later."; exit 1; }
	@test ! -e $(VENV) || test -w $(VENV) || { echo "$(VENV) belongs to another user. \
Run \`sudo chown -R $$(id -un): $(VENV)\`." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Creating the virtual environment $(VENV)" >&2; \
		$(PYTHON) -m venv $(VENV) > /dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV); }
	@printf 'Installing packages (one or two minutes the first time) ' >&2; \
		$(call with_dots,$(PIP) install -c constraints.txt -e '.[standalone]')
	@touch $@

$(TOOLS): $(INSTALLED)
	@printf 'Installing the test tools ' >&2; $(call with_dots,$(PIP) install -c constraints.txt -e '$(WITH_TOOLS)')
	@touch $@
