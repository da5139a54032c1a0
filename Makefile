# `make demo` runs the whole line on this machine, `make test` the tests. Both build .venv first; nothing else is needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
EXTRAS := crawl,train,dev

.PHONY: demo test faults fuzz check format slow bench clean help

help:
	@echo "make demo    the newcomer's whole run, offline"
	@echo "make test    the tests        make slow   the long ones"
	@echo "make faults  every fault the reliability page speaks of, in full: an hour or two"
	@echo "make fuzz    damaged inputs until stopped; SECONDS=, INPUTS=, LAYERS="
	@echo "make check   ruff and mypy    make format rewrite the layout"
	@echo "make bench   beside datatrove and others, writes docs/benchmarks.md (BENCH=--help for its options)"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=23.2"
	@echo "Installing Winnow with its extras ($(EXTRAS)); the download is about 1 GB with CPU torch."
	PIP="$(BIN)/python -m pip" sh .ci/install "$(EXTRAS)"
	$(BIN)/python -m stages.language_model
	touch $@

demo: $(STAMP)
	$(BIN)/winnow demo --dir runs/demo

test: $(STAMP)
	$(BIN)/python -m pytest

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

# The peers pin other versions than we do (datatrove: trafilatura < 1.12), so they get an environment of their own.
PEERS := .venv-bench/.installed
$(PEERS): tests/benchmarks/peers.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet -r tests/benchmarks/peers.txt
	touch $@

bench: $(STAMP) $(PEERS)
	$(BIN)/python -m tests.benchmarks $(BENCH)

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(INPUTS),--inputs $(INPUTS)) \
		$(if $(LAYERS),--layers $(LAYERS))

# WINNOW_KILLS and WINNOW_SYSCALLS (points of each, default 200 and 240) make it shorter or longer.
faults: $(STAMP)
	WINNOW_FAULTS=full $(BIN)/python -m pytest tests/faults -m "slow or not slow"

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venv-bench build dist *.egg-info
