# Two commands do everything: `make run` and `make test`. `make help` explains the others.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .setup
LOCKS := deploy/requirements
FRONT := geoplatform/web/frontend
HINT := tests/clients/geojsonhint
LIGHTHOUSE := tests/clients/lighthouse
HARVESTERS := udata ckan shacl
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-clients lint bench bless lock clean

help: ## Explain every target
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMPS)/run $(STAMPS)/bundle ## Install what is missing, load France, serve the map on http://127.0.0.1:8000
	@$(BIN)/geoplatform up

test: $(STAMPS)/test $(STAMPS)/bundle ## Install what tests need and run them, on a real PostGIS and a real browser
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile -m "not clients" $(TESTS)

test-clients: $(STAMPS)/test $(STAMPS)/bundle $(STAMPS)/system-clients $(STAMPS)/harvesters $(STAMPS)/readers ## Install QGIS, udata, CKAN and readers of our files, and try them on what we serve
	@$(BIN)/python -m pytest -q -m clients

lint: $(STAMPS)/test ## Check style and types (ruff, mypy --strict)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(STAMPS)/test $(STAMPS)/readers $(STAMPS)/bundle ## Measure against named peers, one table of ratios
	@$(BIN)/python -m tests.bench $(JOBS)

bless: $(STAMPS)/test ## Write what is made and committed anew: the compiled translations (look at the difference)
	@$(BIN)/pybabel -q compile -d geoplatform/web/translations

lock: $(STAMPS)/test ## Lock the dependencies of pyproject.toml anew
	@for name in run test; do \
	  extra="--extra build"; test $$name = test && extra="--all-extras -c $(LOCKS)/run.txt"; \
	  env -u PIP_FIND_LINKS $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	    $$extra -o $(LOCKS)/$$name.txt pyproject.toml; done
	@for name in $(HARVESTERS) files; do \
	  env -u PIP_FIND_LINKS $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	    -o $(LOCKS)/$$name.txt $(LOCKS)/$$name.in; done

clean: ## Remove the embedded database, caches and everything that was installed here
	@if [ -x $(BIN)/geoplatform ]; then $(BIN)/geoplatform db destroy --yes; fi
	@rm -rf $(VENV) $(STAMPS) data/cache data/tiles data/counters geoplatform/web/static/bundle $(FRONT)/node_modules $(HINT)/node_modules $(LIGHTHOUSE)/node_modules .artefacts .pytest_cache .mypy_cache .ruff_cache

$(STAMPS)/system-%: deploy/setup/system.sh
	@mkdir -p $(STAMPS)
	@sh deploy/setup/system.sh $*
	@touch $@

$(STAMPS)/run: $(LOCKS)/run.txt pyproject.toml $(STAMPS)/system-run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked Python packages"
	@$(BIN)/python -m pip install -q --require-hashes -r $(LOCKS)/run.txt
	@$(BIN)/python -m pip install -q --no-build-isolation --no-deps -e .
	@touch $@

$(STAMPS)/test: $(LOCKS)/test.txt $(STAMPS)/run $(STAMPS)/system-test
	@echo "installing the locked packages for tests"
	@$(BIN)/python -m pip install -q --require-hashes -r $(LOCKS)/test.txt
	@touch $@

$(STAMPS)/readers: $(LOCKS)/files.txt $(HINT)/package-lock.json $(LIGHTHOUSE)/package-lock.json $(STAMPS)/test
	@echo "installing the programs that read what we publish, and Lighthouse"
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(STAMPS)/readers.venv
	@$(BIN)/uv pip install -q --python $(STAMPS)/readers.venv/bin/python --require-hashes -r $(LOCKS)/files.txt
	@node=$$(sh deploy/setup/node.sh $(VENV)) && PATH="$$node:$$PATH" && for folder in $(HINT) $(LIGHTHOUSE); do \
	  (cd $$folder && npm ci --silent --no-audit --no-fund) || exit 1; done
	@touch $@

$(STAMPS)/bundle: $(FRONT)/package-lock.json $(FRONT)/vite.config.js $(wildcard $(FRONT)/src/*) | $(STAMPS)/run
	@echo "bundling the pages' scripts and styles"
	@node=$$(sh deploy/setup/node.sh $(VENV)) && PATH="$$node:$$PATH" && cd $(FRONT) \
	  && npm ci --silent --no-audit --no-fund && npm run --silent build
	@touch $@

# The portals' own programs, each in an environment of its own: what they pin contradicts ours and each other's.
$(STAMPS)/harvesters: $(HARVESTERS:%=$(LOCKS)/%.txt) | $(STAMPS)/test
	@echo "installing udata, CKAN and the SHACL validator that read our catalogue"
	@for name in $(HARVESTERS); do \
	  $(BIN)/uv venv -q --clear --python $(BIN)/python $(STAMPS)/clients/$$name \
	  && $(BIN)/uv pip install -q --python $(STAMPS)/clients/$$name --require-hashes -r $(LOCKS)/$$name.txt || exit 1; done
	@touch $@
