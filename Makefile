# The book's commands. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# Where torch comes from. The CPU build is a tenth of the size; empty takes the default index, with CUDA on Linux.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
JOBS ?= 2
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
BUILD := _build
SITE := $(BUILD)/html
# Marks a complete environment, and whose torch is in it: another TORCH_INDEX is another mark.
FULL := $(VENV)/.full-$(subst /,_,$(subst :,,$(TORCH_INDEX)))
# Two threads everywhere: sums are split the same way on every machine. Two jobs share the cores, so a thread that waits
# must not spin.
export OMP_NUM_THREADS ?= 2
export OMP_WAIT_POLICY ?= PASSIVE
export PYTHONHASHSEED := 0
# Files and paths are UTF-8, whatever the machine's locale says: also where the folder's name has Persian letters,
# which Python reads in the locale's encoding when it starts.
export LC_ALL := C.UTF-8
export PYTHONUTF8 := 1

.PHONY: help
help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- environments: one folder, filled in two steps, so that reading the book needs no torch ---------------------------

$(VENV)/.book: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet pip==26.3  # the tool is locked like what it installs
	$(PIP) --group book
	touch $@

$(FULL): $(VENV)/.book
	$(PIP) --no-deps --force-reinstall $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==2.13.0
	$(PIP) --group test
	$(PIP) --no-build-isolation --editable '.[book,cluster]'
	rm -f $(VENV)/.full* && touch $@

# --- reading ----------------------------------------------------------------------------------------------------------

.PHONY: book
book: $(VENV)/.book ## build the site in _build/html
	rm -rf $(BUILD)
	$(BIN)/jupyter-book build --quiet -W -n --keep-going --path-output . .
	@echo "The book is in $(CURDIR)/$(SITE)/index.html"

.PHONY: serve
serve: book ## build the site and serve it on this machine
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(SITE) $(PORT)

.PHONY: dist
dist: book ## pack site and notebooks for travel, with checksums, in _build/dist
	$(BIN)/python -m tools.dist

.PHONY: pictures
pictures: book $(FULL) ## draw the README's pictures from the built site
	$(BIN)/python -m tools.pictures

# --- writing ----------------------------------------------------------------------------------------------------------

.PHONY: execute
execute: $(FULL) ## run the chapters again and write their notebooks (ONLY=24 for one)
	$(BIN)/python -m tools.execute --jobs $(JOBS) $(ONLY)

.PHONY: accept
accept: $(FULL) ## run a chapter and take over the numbers that it computes now, showing each change (ONLY=24)
	$(BIN)/python -m tools.accept $(ONLY)

.PHONY: numbers
numbers: $(FULL) ## refresh every ledger link from the ledger, and carry changed words into the notebooks
	$(BIN)/python -m tools.prose

.PHONY: lab
lab: $(FULL) ## open the chapters in JupyterLab, text and notebook kept in step
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/book/notebooks  # from here, so that it finds both halves of a pair

.PHONY: lock
lock: $(VENV)/.book ## resolve every dependency again and write constraints.txt
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	echo '# Every version the book is built and tested with, written by `make lock`. Torch is pinned in pyproject.toml.' > constraints.new
	$(BIN)/uv pip compile pyproject.toml --extra book --extra cluster --group test --universal --python-version 3.11 --no-emit-package torch \
	  --no-header --no-annotate --quiet | grep -vE '^(nvidia-|cuda-|triton)' >> constraints.new
	mv constraints.new constraints.txt

# --- checking ---------------------------------------------------------------------------------------------------------

# A file stays with one worker, whose fixtures it shares. The order is that of tests/conftest.py: long files first.
SHARE = -n $(JOBS) --dist loadfile --no-loadscope-reorder -p no:cacheprovider
NOTEBOOKS = --nbval book/notebooks tests/notebooks --nbval-cell-timeout=600
BROWSER = CHROMIUM="$$($(BIN)/python -m tools.chromium)"

# Building the book and checking types keep one core busy each, and the book takes longer, so that chapters and package
# run beside them: no core is idle before the pages are there. Chapters and package run as one, so that modules are read
# once. The pages run alone: in a process that drives a browser an event loop is running, and no notebook can be run.
.PHONY: test
test: ## check everything
	$(MAKE) --jobs 3 book lint code
	$(BROWSER) $(BIN)/pytest tests/site $(SHARE)

.PHONY: code
code: $(FULL)
	$(BIN)/pytest $(NOTEBOOKS) tests --ignore tests/site $(SHARE)

.PHONY: check
check: $(FULL) ## a change of prose, in under a minute: links, ledger, spelling, notation, and the page ONLY=NN in the browser
	$(MAKE) --jobs 2 words pages
	$(if $(ONLY),$(BROWSER) $(BIN)/pytest tests/site $(SHARE) -k "notebooks/$(ONLY)")

.PHONY: words
words: $(FULL)
	$(BIN)/pytest -q tests/book --ignore tests/book/test_teeth.py

.PHONY: pages
pages: $(FULL)
	$(BIN)/jupyter-book build --quiet -W -n --keep-going --path-output . .

.PHONY: lint
lint: $(FULL) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: unit
unit: $(FULL) ## the package, the ledger, the prose
	$(BIN)/pytest $(SHARE) --ignore tests/site --ignore tests/notebooks

.PHONY: notebooks
notebooks: $(FULL) ## run every chapter, compare each output with the committed one, and run its student notebook
	$(BIN)/pytest $(NOTEBOOKS) $(SHARE)

.PHONY: fuzz
fuzz: $(FULL) ## draw fresh cases, twenty times as many, for every property that is tested with drawn ones
	RNNCOURSE_FUZZ=1 $(BIN)/pytest -n $(JOBS) -m hypothesis --ignore tests/site --ignore tests/notebooks

.PHONY: site
site: book $(FULL) ## the built pages, in a real browser
	$(BROWSER) $(BIN)/pytest tests/site $(SHARE)

.PHONY: bench
bench: $(FULL) ## measure the instruments' speed on this machine (RECORD=1 keeps it as the book's record)
	$(BIN)/python -m benchmarks $(if $(RECORD),--record)

.PHONY: clean
clean: ## remove what the commands above made
	rm -rf $(BUILD) $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
