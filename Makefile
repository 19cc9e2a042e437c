# `make` lists the targets. Each sets up what it needs, once; a second call installs nothing.

PYTHON ?= python3
VENV := .venv
CONSTRAINTS ?= constraints.txt
ARGS ?=
# Where `make bench` writes, to keep the results of several processors.
BENCH ?= outputs/bench

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_BROWSER := $(VENV)/.installed-browser
INSTALLED_ENGINES := $(VENV)/.installed-engines
INSTALLED_DOCS := $(VENV)/.installed-docs

# A file is one worker's, and files begin in the order of tests/conftest.py, the longest first.
BY_FILE := --dist loadfile --no-loadscope-reorder
# What the notebooks printed, where the site looks for it.
NOTEBOOKS := outputs/docs/.jupyter_cache

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help sweep train tensorboard test test-browser test-engines screenshot screenshot-report film-explorer golden torture audit bench
.PHONY: docs keys-page readme-numbers combinations traps variants gallery layers bench-quick bench-quality lint types format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

sweep: $(INSTALLED) ## train four small models (linear, conv; 2 and 10 dimensions) and compare them
	$(BIN)/python -m vae_lab -m experiment=first_look model=linear,conv latent_dim=2,10 $(ARGS)

train: $(INSTALLED) ## train one model: make train ARGS="model=conv latent_dim=10"
	$(BIN)/python -m vae_lab $(ARGS)

tensorboard: $(INSTALLED) ## show the newest sweep side by side (another folder: ARGS=FOLDER)
	@$(BIN)/python -m vae_lab.board $(ARGS)

test: $(INSTALLED_DEV) ## run the tests (some of them: ARGS="-k wheel")
	$(BIN)/python -m pytest -n auto --maxprocesses 8 $(BY_FILE) $(ARGS)

test-browser: $(INSTALLED_BROWSER) ## test TensorBoard, the report and the explorer in a browser (Chromium)
	$(BIN)/python -m pytest -m browser -n 2 $(BY_FILE) tests/slow/browser $(ARGS)

test-engines: $(INSTALLED_ENGINES) ## test sweeps, searches and loggers on every engine (installs 1 GB more)
	$(BIN)/python -m pytest -m engines -s tests/slow/engines tests/training/test_distributed.py tests/cli/test_launchers.py $(ARGS)

screenshot: $(INSTALLED_BROWSER) ## draw docs/images/board.png again (of another sweep: ARGS=FOLDER)
	PYTHONPATH=tests/support $(BIN)/python tools/screenshot_board.py docs/images/board.png $(ARGS)

screenshot-report: $(INSTALLED_BROWSER) ## draw docs/images/report*.png again: ARGS=FOLDER/report.html
	PYTHONPATH=tests/support $(BIN)/python tools/screenshot_report.py docs/images $(ARGS)

film-explorer: $(INSTALLED_BROWSER) ## draw docs/images/explorer* again: ARGS=FOLDER of make sweep's runs
	PYTHONPATH=tests/support $(BIN)/python tools/film_explorer.py docs/images/explorer.gif $(ARGS)/conv-z2/explorer.html
	PYTHONPATH=tests/support $(BIN)/python tools/draw_strokes.py docs/images/explorer_four_to_nine.png $(ARGS)/conv-z10/explorer.html
	PYTHONPATH=tests/support $(BIN)/python tools/screenshot_explorer.py docs/images $(ARGS)/conv-z10/explorer.html

# Notebooks run side by side first, one on each core. The site shows what they printed; one that failed
# is executed again there, and its error ends the build.
docs: $(INSTALLED_DOCS) ## build the site and execute its notebooks: outputs/docs/html/index.html
	@mkdir -p outputs/docs
	@$(BIN)/jcache notebook -p $(NOTEBOOKS) add -r jupytext docs/notebooks/*.py <<< y > outputs/docs/notebooks.log
	$(BIN)/jcache project -p $(NOTEBOOKS) execute -e local-parallel -t 900
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d outputs/docs/doctrees docs outputs/docs/html $(ARGS)

golden: $(INSTALLED_DEV) ## run the long tests of the numbers (minutes; longer with VAE_LAB_DATA)
	$(BIN)/python -m pytest -m golden $(ARGS)

combinations: $(INSTALLED) ## train sixteen combinations of objective, likelihood and prior, one epoch each
	$(BIN)/python -m vae_lab -m objective=elbo_cyclic,elbo_free_bits,iwae,mmd likelihood=bernoulli,discretized_logistic prior=gaussian_mixture,vamp data=mnist_5k trainer.max_epochs=1 $(ARGS)

readme-numbers: $(INSTALLED) ## measure the numbers of README.md again (an hour; run nothing else meanwhile)
	$(BIN)/python tools/readme_numbers.py $(ARGS)

traps: $(INSTALLED) ## train the mistakes of docs/traps/ again: numbers, pictures, page
	$(BIN)/python tools/draw_traps.py $(ARGS)

keys-page: $(INSTALLED) ## write docs/reference/keys.md from the comments in conf/
	$(BIN)/python tools/write_keys_page.py

variants: $(INSTALLED) ## draw docs/images/explanation/ again (trains 16 small models, minutes)
	PYTHONPATH=tools $(BIN)/python -m explanation docs/images/explanation

gallery: $(INSTALLED) ## copy pictures of a sweep (make sweep) into docs/images/gallery/: ARGS=FOLDER
	$(BIN)/python tools/copy_gallery.py $(ARGS)

layers: $(INSTALLED) ## write the tables of layers in docs/explanation/networks.md again
	$(BIN)/python tools/layer_tables.py

torture: $(INSTALLED_DEV) ## stress tests: kills, full disks, random input (a tenth: VAE_LAB_TORTURE=0.1)
	$(BIN)/python -m pytest -m torture -s tests/slow/torture tests/training/test_resume.py $(ARGS)

# Strict: if the database knows none of the packages, "no known vulnerabilities" is not an answer.
audit: $(INSTALLED) ## search the dependencies for known vulnerabilities
	@$(PIP) install -c $(CONSTRAINTS) -e '.[audit]' || { echo 'audit: pip-audit could not be installed: nothing was checked.' >&2; exit 1; }
	@$(PIP) freeze --exclude-editable > $(VENV)/audit.txt
	@$(BIN)/python -m pip_audit --strict --disable-pip --no-deps -r $(VENV)/audit.txt --progress-spinner off --timeout 15 || { echo 'audit: see above: a known vulnerability, or the database could not be reached.' >&2; exit 1; }

bench: $(INSTALLED_BROWSER) ## measure speed against other ways to train (20 minutes; run nothing else meanwhile)
	$(BIN)/python bench/training.py --out $(BENCH)/training.json $(ARGS)
	$(BIN)/python bench/roofline.py --out $(BENCH)/roofline.json $(ARGS)
	$(BIN)/python bench/tricks.py --out $(BENCH)/tricks.json
	$(BIN)/python bench/startup.py --out $(BENCH)/startup.json $(ARGS)
	$(BIN)/python bench/memory.py --out $(BENCH)/memory.json $(ARGS)
	$(BIN)/python bench/growth.py --out $(BENCH)/growth.json $(ARGS)
	$(BIN)/python bench/pictures.py --out $(BENCH)/pictures.json
	PYTHONPATH=tests/support $(BIN)/python bench/explorer.py --out $(BENCH)/explorer.json

bench-quick: $(INSTALLED_DEV) ## the same in under 3 minutes: fewer repeats, fewer points
	$(BIN)/python bench/training.py --quick --out $(BENCH)-quick/training.json $(ARGS)
	$(BIN)/python bench/roofline.py --quick --out $(BENCH)-quick/roofline.json $(ARGS)
	$(BIN)/python bench/startup.py --quick --out $(BENCH)-quick/startup.json $(ARGS)

bench-quality: $(INSTALLED_DEV) ## the shortest runs that reach the reference's bounds (hours)
	$(BIN)/python bench/quality.py --out $(BENCH)/quality.json $(ARGS)
	$(BIN)/python bench/sweep.py --out $(BENCH)/sweep.json
	$(BIN)/python bench/optimizers.py --out $(BENCH)/optimizers.json

lint: $(INSTALLED_DEV) ## check style, imports and spelling, change nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

types: $(INSTALLED_DEV) ## check the types
	$(BIN)/python -m mypy

format: $(INSTALLED_DEV) ## fix style and formatting
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# torch brings its own GPU libraries at exact versions, other platforms have none: they stay out.
lock: $(INSTALLED_DEV) ## write the installed versions to constraints.txt
	@{ echo '# The exact versions that the tests ran with. Written by `make lock`.'; \
	  $(PIP) freeze --exclude-editable | grep -viE '^(-e|vae[-_.]lab\b|nvidia-|cuda-|triton\b)' | sed -E 's/\+[A-Za-z0-9.]+$$//'; \
	} > constraints.txt.new
	@mv constraints.txt.new constraints.txt
	@touch $(INSTALLED) $(INSTALLED_DEV)

clean: ## delete caches, builds and the built site (keeps .venv, data/ and your runs)
	rm -rf build dist outputs/docs .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests tools -type d -name __pycache__ -prune -exec rm -rf {} +

# A half-made environment would look finished the next time: remove it.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'vae-lab: error: Python 3.11 or newer is needed, and "$(PYTHON)" is not. Name one: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing VAE Lab and its libraries into $(VENV) (PyTorch is large: this takes some minutes) ...'
	$(PIP) install -c $(CONSTRAINTS) -e .
	@touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing VAE Lab, its libraries and the tools for tests into $(VENV) (PyTorch is large: this takes some minutes) ...'
	$(PIP) install -c $(CONSTRAINTS) -e '.[dev]'
	@touch $(INSTALLED) $@

# hydra-ray-launcher asks for a cloudpickle older than joblib's, and works with it.
$(INSTALLED_ENGINES): $(INSTALLED_DEV)
	$(PIP) install -c $(CONSTRAINTS) -e '.[dev,joblib,submitit,optuna,mlflow,wandb]' 'ray>=2.40'
	$(PIP) install --no-deps 'hydra-ray-launcher>=1.2.2'
	@touch $(INSTALLED) $(INSTALLED_DEV) $@

$(INSTALLED_BROWSER): $(INSTALLED_DEV)
	$(PIP) install -c $(CONSTRAINTS) -e '.[dev,browser]'
	@touch $(INSTALLED) $(INSTALLED_DEV) $@

$(INSTALLED_DOCS): $(INSTALLED_DEV)
	$(PIP) install -c $(CONSTRAINTS) -e '.[dev,docs]'
	@touch $(INSTALLED) $(INSTALLED_DEV) $@
