# Every target makes what it needs; a machine with Python 3.11+, make and a package index is enough.
# On Windows these run in Git Bash.
PYTHON ?= python3
BASE := .venv
DEV := .venv-dev
RELEASE := .venv-release
OLDEST := .venv-oldest
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
DEMO = predict examples/photo.jpg --save map,overlay --format png8 --overwrite
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test lint types docs web bench figures faults fuzz test-oldest package models-wheel package-check sbom clean

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(BASE)/.installed  ## Predict a photograph: a saliency map and an overlay in examples/out
	$(BASE)/$(BIN)/salgan $(DEMO) -o examples/out

# The tests start hundreds of processes. Each would compile what it imports anew if the environment said that compiled
# files are not to be kept, as images for CI often do.
test: $(DEV)/.installed  ## Run every test
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(DEV)/$(BIN)/python -m pytest -n 2 --dist worksteal --durations 40

fuzz: $(DEV)/.installed  ## Look for files that break a reader, for minutes
	SALGAN_FUZZ=5000 $(DEV)/$(BIN)/python -m pytest tests/fuzz

faults: $(DEV)/.installed  ## Kill, fill, race and attack everything for minutes; print tried and failed
	$(DEV)/$(BIN)/python benchmarks/faults --quick

test-oldest: $(OLDEST)/.installed  ## Run the suite on the oldest packages that pyproject.toml allows
	PYTHONWARNINGS=ignore::DeprecationWarning $(OLDEST)/$(BIN)/python -m pytest -n 2 -W ignore::DeprecationWarning

lint: $(DEV)/.installed  ## Check style and format
	$(DEV)/$(BIN)/ruff check .
	$(DEV)/$(BIN)/ruff format --check .

types: $(DEV)/.installed  ## Check types
	$(DEV)/$(BIN)/mypy

docs: $(DEV)/.installed  ## Build the pages into site; a broken link is an error
	$(DEV)/$(BIN)/zensical build --clean --strict

web: $(DEV)/.installed  ## Build the page that predicts in the browser into site/try (needs npm)
	cd web && npm ci
	$(DEV)/$(BIN)/python web/build.py

bench: $(DEV)/.installed  ## Time networks, files, start, metrics and an evaluation beside named peers
	$(DEV)/$(BIN)/python -m pip install --quiet hotgaze==0.1.1
	$(DEV)/$(BIN)/python benchmarks/metrics/compare.py
	$(DEV)/$(BIN)/python benchmarks/table.py --plot docs/images/performance.png
	$(DEV)/$(BIN)/python benchmarks/evaluate.py

figures: $(BASE)/.installed  ## Count commands' parameters, modules, lines and public names
	$(BASE)/$(BIN)/python benchmarks/house.py

package: $(RELEASE)/.installed  ## Build wheel and sdist into dist
	rm -rf dist
	$(RELEASE)/$(BIN)/python -m build --outdir dist .

models-wheel: $(RELEASE)/.installed  ## Build the wheel of the models that salgan's own leaves out into dist
	rm -f dist/salgan_models-*
	$(RELEASE)/$(BIN)/python -m build --wheel --outdir dist release

package-check: package models-wheel  ## Install wheel and sdist into empty environments, run the demo in each, and by uvx and pipx
	for file in dist/salgan-*.whl dist/salgan-*.tar.gz; do \
	  rm -rf build/package build/demo && $(PYTHON) -m venv build/package \
	  && build/package/$(BIN)/python -m pip install --quiet "$$file" \
	  && build/package/$(BIN)/salgan $(DEMO) -o build/demo \
	  && test -s build/demo/photo.saliency.png && test -s build/demo/photo.overlay.png || exit 1; \
	done
	rm -rf build/demo && $(RELEASE)/$(BIN)/uvx --quiet --from dist/salgan-*.whl salgan --version
	$(RELEASE)/$(BIN)/uvx --quiet --offline --from dist/salgan-*.whl salgan $(DEMO) -o build/demo
	test -s build/demo/photo.overlay.png && rm -rf build/demo
	$(RELEASE)/$(BIN)/pipx run --quiet --spec dist/salgan-*.whl salgan $(DEMO) -o build/demo
	test -s build/demo/photo.overlay.png
	build/package/$(BIN)/python -m pip install --quiet --no-index dist/salgan_models-*.whl
	for model in best lite-int8 vgg16 vgg16-bce; do \
	  build/package/$(BIN)/salgan $(DEMO) -o build/demo --model $$model || exit 1; \
	done

sbom: package  ## List what the wheel brings along, with licences, into dist
	rm -rf build/package && $(PYTHON) -m venv --without-pip build/package
	$(RELEASE)/$(BIN)/python -m pip --python build/package/$(BIN)/python install --quiet dist/salgan-*.whl
	$(RELEASE)/$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file dist/salgan.cdx.json build/package/$(BIN)/python
	$(RELEASE)/$(BIN)/pip-licenses --python build/package/$(BIN)/python --from mixed --with-urls \
	  --format markdown --output-file dist/LICENCES.md

clean:  ## Remove what was built here
	rm -rf $(BASE) $(DEV) $(RELEASE) $(OLDEST) build dist site examples/out

# Installed once, and again whenever the metadata changes.
$(BASE)/.installed: pyproject.toml
	$(PYTHON) -m venv $(BASE)
	$(BASE)/$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(DEV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEV)
	# Compiling what is never imported would take two minutes more.
	$(DEV)/$(BIN)/python -m pip install --quiet --no-compile --editable '.[dev]'
	touch $@

$(RELEASE)/.installed:
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/$(BIN)/python -m pip install --quiet build 'cyclonedx-bom>=7' 'pip-licenses>=5' 'pip>=24' 'pipx>=1.7' 'uv>=0.5'
	touch $@

$(OLDEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/$(BIN)/python -m pip install --quiet uv
	$(OLDEST)/$(BIN)/uv pip compile --quiet --extra all --extra cluster --extra suggest --resolution lowest-direct \
	  --no-deps --python $(OLDEST)/$(BIN)/python --output-file $(OLDEST)/oldest.txt pyproject.toml
	$(OLDEST)/$(BIN)/uv pip install --quiet --python $(OLDEST)/$(BIN)/python \
	  --constraint $(OLDEST)/oldest.txt --editable '.[dev]'
	touch $@
