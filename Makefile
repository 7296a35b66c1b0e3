# Every task of the project. `make help` lists them.
#
# A stamp file in .venv remembers each step of the set-up, so that a repeated task starts at once and a changed Rust
# source is built again. The Python package is installed in place: its changes need no step. There are two steps: the
# package with what composing needs, which has no torch (`make demo`), and the extra `dev`, which has (`make setup`).

SHELL := /bin/sh
PYTHON3 ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An environment without torch for `make test-light`, one for each version of Python.
LIGHT = .venv-light/$(shell $(PYTHON3) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
SEED ?= 71
CORPUS ?= nesmdb_tx
MODEL ?= bundled-tx1
MUTATIONS ?= 1000000
DATA ?= corpus
RUN ?= run
MINUTES ?= 9
DEVICE ?= cuda
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST_SOURCES := Cargo.toml Cargo.lock $(wildcard rust/*/Cargo.toml) $(shell find rust -name '*.rs' -not -path '*/target/*') \
  python/lakhnes/_native.pyi # its docstrings are compiled in

# All that a wheel is made of.
PACKAGE := pyproject.toml README.md LICENSE $(RUST_SOURCES) \
  $(shell find python -type f -not -name '*.so' -not -name '*.pyd' -not -path '*/__pycache__/*')
# zig links against an old glibc, so that the wheel runs on every Linux since 2012; elsewhere there is no such choice.
PORTABLE := $(if $(filter Linux,$(shell uname -s)),--zig --compatibility manylinux_2_17)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-all demo test train-gpu test-rust test-python test-light wheel sdist check-wheel man check-data check-tx3 lint format build bench bench-gpu coverage fuzz song-statistics tasks clean check-resume docs check-docs check-studies

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON3) -m venv $(VENV)

$(BIN)/maturin: | $(BIN)/python
	$(BIN)/python -m pip install --quiet 'maturin>=1.9'

# The package itself (in place) and its dependencies. Runs again when pyproject.toml changes.
$(VENV)/.package: pyproject.toml | $(BIN)/maturin
	$(BIN)/maturin develop --release
	@touch $@

# The extension module. Runs again when a Rust source changes.
$(VENV)/.native: $(VENV)/.package $(RUST_SOURCES)
	$(BIN)/maturin develop --release --skip-install --quiet
	@touch $@

# What developing needs: torch and the tools.
$(VENV)/.installed: pyproject.toml | $(VENV)/.native
	$(BIN)/maturin develop --release --extras dev
	@touch $@

setup: $(VENV)/.installed $(VENV)/.native ## make the virtual environment, build and install

setup-all: setup $(VENV)/.docs $(VENV)/.zig ## set up for all tasks, so that several can run at the same time

demo: $(VENV)/.native ## compose one song with the bundled model into ./demo (SEED=71)
	@$(BIN)/lakhnes generate --num 1 --seed $(SEED) --out-dir demo --force
	@echo "Listen to: $(CURDIR)/demo/0.wav"

test: test-rust test-python ## run all tests (cargo, then pytest)

test-rust: setup ## run the Rust tests
	cargo test --workspace --locked

test-python: setup ## run the Python tests
	$(BIN)/python -m pytest

# The wheel is installed, not the tree: what a user has. It serves every version of Python.
test-light: dist/.wheel ## run the tests that need no torch in an environment without it (PYTHON3=python3.13)
	test -d $(LIGHT) || $(PYTHON3) -m venv $(LIGHT)
	$(LIGHT)/bin/python -m pip install --quiet --force-reinstall --no-deps dist/*.whl
	$(LIGHT)/bin/python -m pip install --quiet "$$(echo dist/*.whl)[test]"
	$(LIGHT)/bin/python -c 'import importlib.util; assert importlib.util.find_spec("torch") is None, "torch is here"'
	$(LIGHT)/bin/python -m pytest -p no:cacheprovider

check-data: setup ## check all 4,905 songs of NES-MDB (in ../shared/data): both texts by SHA-256, MIDI and texts as fixed points
	LAKHNES_ALL_SONGS=1 $(BIN)/python -m pytest -s tests/test_golden_formats.py tests/test_golden.py -k 'nesmdb or fixed or change'

check-tx3: setup ## check TX3 on all 4,905 songs of NES-MDB (in ../shared/data): fixed points, grammar, onsets; audio of 200
	mkdir -p target/nesmdb && tar -xJf ../shared/data/nesmdb_midi_train_valid.tar.xz -C target/nesmdb
	for split in train valid; do \
	  cargo run --release --locked -p lakhnes-tokenizer --example check_tx3 -- target/nesmdb/nesmdb_midi/$$split || exit 1; \
	done
	LAKHNES_ALL_SONGS=1 $(BIN)/python -m pytest -s tests/test_tx3.py -k 'alike or second' --timeout 3600

# For a machine with one CUDA device, for the minutes that there is one. The songs are in DATA as `lakhnes data nesmdb …
# --to tx3` writes them. OUT gets the model, and the state in parts of 14 MB, for where larger files do not pass:
# `cat state.part-* > state.safetensors` in RUN, and the same command resumes the run. TRAIN has further options.
train-gpu: setup ## train the bundled model on one CUDA device for MINUTES=9: DATA, the run's directory RUN, parts to OUT
	$(BIN)/lakhnes train $(DATA) -o $(RUN) --preset gpu --vocabulary tx3 --minutes $(MINUTES) --device $(DEVICE) $(TRAIN)
	test -z "$(OUT)" || { mkdir -p $(OUT) && cp $(RUN)/model/model.safetensors $(RUN)/model/config.json $(RUN)/log.jsonl $(OUT)/ \
	  && split -b 14M $(RUN)/state.safetensors $(OUT)/state.part-; }

fuzz: setup ## read a million damaged files of each kind, 100,000 of states, logs, archives (MUTATIONS=1000000)
	LAKHNES_MUTATIONS=$(MUTATIONS) cargo test --release --locked -p lakhnes-tokenizer --test mutated_files -- --nocapture
	LAKHNES_MUTATIONS=$(MUTATIONS) cargo run --release --locked -p lakhnes-apu --example fuzz
	LAKHNES_MUTATIONS=$(MUTATIONS) $(BIN)/python -m pytest -s tests/test_mutated_arrays.py tests/test_mutated_runs.py

lint: setup ## check style, types, stubs and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml lakhnes._native
	$(BIN)/python scripts/check_module_cycles.py rust/*
	$(BIN)/zizmor --offline --quiet .github/workflows
	@if command -v actionlint >/dev/null; then actionlint; else echo "actionlint is not installed: left out"; fi
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet

format: setup ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --all

$(VENV)/.zig: | $(BIN)/python
	$(if $(PORTABLE),$(BIN)/python -m pip install --quiet ziglang)
	@touch $@

# The wheel, for `wheel`, `test-light` and `check-wheel`. Runs again when a source changes.
dist/.wheel: $(PACKAGE) | $(BIN)/maturin $(VENV)/.zig
	rm -f dist/*.whl
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin build --release --locked $(PORTABLE) --out dist # where it finds zig
	@touch $@

wheel: dist/.wheel ## build the wheel of this system and processor, on Linux a manylinux one, into ./dist
	$(if $(PORTABLE),$(BIN)/python -m pip install --quiet auditwheel && $(BIN)/auditwheel show dist/*.whl)

man: $(VENV)/.native ## write the manual pages into ./man
	$(BIN)/python scripts/make_man_pages.py man

sdist: man ## build the source distribution, manual pages included, into ./dist
	rm -f dist/*.tar.gz
	$(BIN)/maturin sdist --out dist

check-wheel: dist/.wheel sdist ## try the wheel without Rust, and the source distribution with it, each newly installed
	$(BIN)/python scripts/check_wheel.py dist/*.whl dist/*.tar.gz

# What builds the site. Runs again when pyproject.toml changes.
$(VENV)/.docs: pyproject.toml | $(VENV)/.native
	$(BIN)/python -m pip install --quiet 'lakhnes[docs]'
	@touch $@

docs: setup $(VENV)/.docs ## build the site into docs/_build/html: tutorials are executed, warnings are errors
	$(BIN)/sphinx-build -W --keep-going -n -q -b html docs docs/_build/html

check-docs: $(VENV)/.docs ## open each page of the built site in a headless browser; nothing may be asked of another machine
	$(BIN)/python scripts/check_site.py docs/_build/html

bench: setup ## measure speed (lakhnes bench, pytest-benchmark and criterion)
	$(BIN)/lakhnes bench
	$(BIN)/python -m pytest benches
	cargo bench --workspace --locked

bench-gpu: setup ## measure batches of 64, 256 and 1,024 songs on a CUDA device, within 2 minutes (DEVICE)
	$(BIN)/python benches/batches.py --device $(DEVICE)

# cargo-llvm-cov finds the tools of rustup by itself; others, of the same LLVM as rustc, by LLVM_COV and LLVM_PROFDATA.
coverage: ## measure how much of the chip its tests run (needs cargo-llvm-cov)
	cargo llvm-cov -p lakhnes-apu --summary-only --fail-under-lines 90

song-statistics: setup ## compare 100 composed songs with CORPUS's valid split, as a table (CORPUS=nesmdb_tx MODEL=bundled-tx1)
	@$(BIN)/lakhnes generate --model $(MODEL) --num 100 --seed 1 --batch-size 25 --format tx1 \
	  --out-dir composed --force >/dev/null
	@$(BIN)/lakhnes data stats composed $(CORPUS)/valid --length 1024 --min-length 64

tasks: setup ## measure continue, accompany and infill on CORPUS's valid split (CORPUS=nesmdb_tx MODEL=bundled-tx1)
	@$(BIN)/python benches/tasks.py $(CORPUS) --model $(MODEL)
	@$(BIN)/python benches/infilling.py $(CORPUS) --model $(MODEL)

check-resume: setup ## kill a training run ten times and compare its weights with an uninterrupted one's
	$(BIN)/python benches/check_resume.py

check-studies: setup ## check intervals and power of listening studies on 400 simulated ones
	LAKHNES_STUDIES=400 $(BIN)/python -m pytest tests/test_study_analysis.py -k 'truth or power or order' --timeout 3600

clean: ## remove what the tasks have made, the virtual environment too
	rm -rf $(VENV) .venv-light target dist man demo generated composed docs/_build python/lakhnes/_native.*.so python/lakhnes/_native.pyd
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
