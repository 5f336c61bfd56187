# Every target makes what it needs; a machine with Python 3.11+, make and a package index is enough.
PYTHON ?= python3
BASE := .venv
DEV := .venv-dev
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test lint types docs bench clean

help:  ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(BASE)/.installed  ## Predict a photograph: saliency map and overlay under examples/out
	$(BASE)/bin/salgan predict examples/photo.jpg -o examples/out --save map,overlay --format png8 --overwrite

test: $(DEV)/.installed  ## Run every test
	$(DEV)/bin/python -m pytest -n 2

lint: $(DEV)/.installed  ## Check style and format
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .

types: $(DEV)/.installed  ## Check types
	$(DEV)/bin/mypy

docs: $(DEV)/.installed  ## Build the pages into site/
	$(DEV)/bin/python -m pip install --quiet mkdocs-material
	$(DEV)/bin/mkdocs build

bench: $(DEV)/.installed  ## Time one prediction and the metrics beside named peers, and an evaluation
	$(DEV)/bin/python benchmarks/predict.py
	$(DEV)/bin/python benchmarks/metrics/compare.py
	$(DEV)/bin/python benchmarks/evaluate.py

clean:  ## Remove what was built here
	rm -rf $(BASE) $(DEV) build dist site examples/out

# Installed once, and again whenever the metadata changes.
$(BASE)/.installed: pyproject.toml
	$(PYTHON) -m venv $(BASE)
	$(BASE)/bin/python -m pip install --quiet --editable .
	touch $@

$(DEV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@
