# Every target works on a fresh machine with Python 3.11 to 3.13: it creates .venv and installs
# what it needs first.

PYTHON ?= python3
BIN := .venv/bin
PYTEST = $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: quickstart test test-all test-jax lint format bench clean

QUICK := InfoGAN-CR_dSprites/results/quick

quickstart: .venv/installed
	@$(BIN)/python InfoGAN-CR_dSprites/main.py --config InfoGAN-CR_dSprites/config_quick.py
	@$(BIN)/python -m disentanglement.explore "$(QUICK)/run-0," --out $(QUICK)/explorer.html --force

test: lint
	$(PYTEST) -m "not slow"

test-all: lint
	$(PYTEST)

test-jax: .venv/installed-dev
	KERAS_BACKEND=jax $(PYTEST)

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/experiments.py
	$(BIN)/python benchmarks/memory_and_disk.py
	$(BIN)/python benchmarks/requirements.py
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/protocols.py

clean:
	rm -rf .venv *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "error: Python 3.11 to 3.13 is needed, $(PYTHON) is another: make PYTHON=python3.12 ..."; \
		exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed: .venv/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
