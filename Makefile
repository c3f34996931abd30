# The same verbs for people and for CI. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PEER := .cache/peer-venv
PROVIDER := tests/interop/authorization_server
BUF := protos/node_modules/.bin/buf
USER_NAME = $(if $(filter command,$(origin USER)),$(USER),alice)

.PHONY: help run ask token revoke test peer provider browser screenshots check audit gen bench lock clean

help: ## list the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.venv/.ready: requirements.lock metric-catalog.requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r metric-catalog.requirements.lock # one data file is read
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: .venv/.ready ## start everything on this machine, with an embedded AWS and sign-in provider
	@exec $(BIN)/python -m deploy.local.stack

ask: .venv/.ready ## ask the running stack as a person: make ask USER=alice
	@$(BIN)/python -m deploy.local.ask --user $(USER_NAME) || [ $$? -eq 2 ] # 2: answered, and the answer is a refusal

token: .venv/.ready ## print a bearer token: make token USER=alice
	@$(BIN)/python -m deploy.local.token --user $(USER_NAME)

revoke: .venv/.ready ## end a person's sign-ins in the running stack: make revoke USER=alice
	@$(BIN)/python -m deploy.local.revoke --user $(USER_NAME)

test: .venv/.ready ## run every test; some after make peer, make provider and make browser
	$(BIN)/pytest

peer: $(PEER)/installed.lock ## install AWS Labs' server beside ours, for make test to compare with (500 MB)

$(PEER)/installed.lock: tests/interop/peer.requirements.lock
	rm -rf $(PEER)
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@cp $< $@

provider: $(PROVIDER)/node_modules/installed.lock ## install the authorization server that make test signs in at

# oidc-provider wants Node.js 22; where the machine's is older, the lock file has one to put beside it (190 MB).
$(PROVIDER)/node_modules/installed.lock: $(PROVIDER)/package-lock.json
	cd $(PROVIDER) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
		$$(node -e 'process.exit(+(parseInt(process.versions.node) < 22))' && echo --omit=optional)
	@cp $< $@

browser: .venv/.browser ## install what drives Chromium, for make test to open the pages with (the browser itself is the machine's)

.venv/.browser: tests/browser/browser.requirements.lock .venv/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

screenshots: browser ## take the pictures of docs/identity anew
	$(BIN)/python -m tests.browser.screenshots

check: .venv/.ready ## lint, types, import rules, contracts, and what audit checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python protos/generate.py --check
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-protos; \
	elif [ -n "$$CI" ]; then echo "npm is missing: the contracts cannot be linted"; exit 1; \
	else echo "skipped: buf lint of protos/ (npm is not installed)"; fi
	@$(MAKE) --no-print-directory audit

audit: .venv/.ready ## dangerous code, dependencies with known faults, committed secrets; says what it could not audit
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive \
		auth_service cloudwatch_service mcp_frontend servicekit deploy security protos/generate.py
	$(BIN)/python -m security.dependencies
	$(BIN)/python -m security.committed_secrets

.PHONY: lint-protos
lint-protos: $(BUF)
	cd protos && node_modules/.bin/buf lint

$(BUF): protos/package-lock.json
	cd protos && npm install --no-save --silent --no-audit --no-fund # not "ci": it wants the binaries of all platforms
	@touch $@

gen: .venv/.ready ## make the stubs in protos/gen from the contracts
	$(BIN)/python protos/generate.py

bench: .venv/.ready ## measure against the floor and print the figures
	$(BIN)/python -m tests.benchmarks

lock: ## resolve requirements.lock and the other locks anew (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		deploy/local/ministack.requirements.in -o deploy/local/ministack.requirements.lock
	uv pip compile --universal --no-deps --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		metric-catalog.requirements.in -o metric-catalog.requirements.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		tests/interop/peer.requirements.in -o tests/interop/peer.requirements.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		tests/browser/browser.requirements.in -o tests/browser/browser.requirements.lock

clean: ## remove what the verbs made
	rm -rf .venv .local .cache protos/node_modules $(PROVIDER)/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
