# Everything runs in .venv, which the first target makes and requirements-dev.txt keeps up to date.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
TEMPLATES := template.yaml inference.yaml
SHIPPED := $(dir $(wildcard */requirements.in))

export SAM_CLI_TELEMETRY := 0
# sam validate asks for a region, though it calls nothing.
lint: export AWS_DEFAULT_REGION := us-east-1

.PHONY: help demo up down test test-all lint format types cfn-lint lock audit bench
.DEFAULT_GOAL := help

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  LOCAL_CLOUD_PORT=4600 make demo takes another port; PYTHON=python3.12 another Python."

demo: $(READY) ## Deploy both stacks on this machine, train a model, and ask it about an image
	@$(BIN)/python -m local.demo

up: $(READY) ## Start the local cloud; LOCAL_CLOUD_KEEP=1 keeps what it holds
	@$(BIN)/python -m local.cloud up

down: $(READY) ## Stop the local cloud
	@$(BIN)/python -m local.cloud down

# Three processes on two cores: some tests wait for sam and for servers more than they compute.
test: lint ## Run every check and every test
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# Every round of what `make test` samples; it takes hours.
test-all: export TEST_ALL := 1
test-all: test ## Run every test with nothing sampled

lint: $(READY) ## Check formatting, types and templates
	@$(MAKE) --no-print-directory --jobs 2 format types $(TEMPLATES:%=valid-%) cfn-lint

format:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

valid-%:
	$(BIN)/sam validate --lint --template-file $*

cfn-lint:
	$(BIN)/cfn-lint $(TEMPLATES)

lock: $(READY) ## Pin what ships to Lambda, with hashes, as requirements.in asks
	@for folder in $(SHIPPED); do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-annotate --custom-compile-command "make lock" \
			$${folder}requirements.in --output-file $${folder}requirements.txt >/dev/null || exit 1; \
	done

audit: $(READY) ## Look for known vulnerabilities of what ships; asks pypi.org
	@$(BIN)/python -m local.audit

bench: $(READY) ## Run the benchmarks, which takes a quarter of an hour, and write docs/performance.md
	@$(BIN)/python -m bench

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is missing or older than Python 3.11: install a newer one, or name it: make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: on Debian and Ubuntu, sudo apt install python3-venv" >&2; \
		exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "Installing what requirements-dev.txt lists into .venv; the first time takes a minute or two ..."
	@# What is used is compiled when it is imported; all of it takes as long as half the installation.
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement requirements-dev.txt
	@touch $(READY)
