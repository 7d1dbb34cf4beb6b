# Everything runs in .venv, which the first target that needs it sets up.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --durations 10
STAMP := .venv/.ready

.PHONY: help setup verify test test-slow mutations lint bench schema proofs properties docs picture clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install scaleproof with its development tools

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "scaleproof needs Python 3.11 or later; say make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

verify: setup ## prove, measure and judge every claim; reports in reports/out/latest
	$(BIN)/scaleproof verify $(ARGS)

test: setup ## run the fast tests
	$(PYTEST) $(ARGS)

test-slow: setup ## run the slow tests too (minutes)
	$(PYTEST) -m 'not gpu and not coq and not mutations' $(ARGS)

mutations: setup ## apply every small fault to a copy of the code and see it noticed (half an hour)
	$(BIN)/python -m pytest -n auto -m mutations tests/mutations $(ARGS)

lint: setup ## style, types and folder rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## side-by-side timings (benchmarks/)
	for file in benchmarks/bench_[!s]*.py; do $(BIN)/python $$file || exit 1; done

schema: setup ## write the run record's JSON Schema again
	$(BIN)/python -c 'from scaleproof.reporting.record import schema_text; print(schema_text(), end="")' \
		> scaleproof/reporting/record.schema.json

proofs: setup ## let Coq's kernel check every theorem of proofs/*.v, and write down what it accepted (a minute)
	$(BIN)/python -m scaleproof.certify.coq proofs
	$(BIN)/ruff format --quiet scaleproof/certify/coq_theorems.py

properties: setup ## write the table of what check asks again
	$(BIN)/python -c 'from scaleproof.check.documentation import properties_text; print(properties_text(), end="")' \
		> docs/properties.md

docs: setup ## build the site in build/site: guide, derivations, every property, interface (runs all cells; two minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --builder html --conf-dir docs . build/site

picture: setup ## draw the README's picture of a check again
	$(BIN)/python docs/picture.py docs/examples/variants.py:Unnormalised > docs/check.svg

clean: ## remove the environment, caches and build output (not reports/out)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
