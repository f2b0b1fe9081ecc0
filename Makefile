# make demo | test | check | format | bench | bench-live | soak | nightly | setup-system | clean
#
# Each target sets up what it needs in $(VENV); nothing but Python 3.11, a C compiler and make must be there before.

VENV  ?= .venv
BIN   := $(VENV)/bin
JOBS  ?= 3

# What `make demo` builds and runs.
EXAMPLE ?= examples/word_remover.py
CAPTURE ?= examples/captures/http.pcap
OUT     ?= out
# How long `make soak` (and `make nightly`) soaks a box.
SECONDS ?= 600

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)

C_FILES = $(wildcard runtime_c/*.[ch] runtime_c/test/*.[ch])
APT = gcc libc6-dev make python3-dev python3-venv tshark libpcap0.8 tcpdump clang clang-format valgrind zstd xz-utils graphviz \
      iproute2 ethtool iputils-ping nginx-light curl wrk libhyperscan-dev zlib1g-dev \
      libxdp-dev libbpf-dev libdpdk-dev dpdk-dev pkg-config
APT_OPTIONAL = libclang-rt-14-dev

.PHONY: demo test check format bench bench-live soak nightly seed-bugs setup-system clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.run
	$(BIN)/mcc build $(EXAMPLE) -o $(OUT)
	$(BIN)/mcc run $(EXAMPLE) $(CAPTURE) -o $(OUT)/demo.pcap

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(JOBS) -rs

check: $(VENV)/.dev
	$(BIN)/ruff check mcc examples tests
	$(BIN)/mypy mcc examples
	$(BIN)/lint-imports
	PATH="$(BIN):$$PATH" clang-format --dry-run -Werror $(C_FILES)

format: $(VENV)/.dev
	PATH="$(BIN):$$PATH" clang-format -i $(C_FILES)

bench: $(VENV)/.run
	$(BIN)/python -m bench

# Client, box and server in network namespaces; as root. LIVE: options, such as LIVE="--seconds 1 --sizes 8k".
bench-live: $(VENV)/.bench
	$(BIN)/python -m bench.live $(LIVE)

# Connections come and go for so long through each of three boxes; then they must be what they were. As root.
soak: $(VENV)/.test
	MCC_SOAK_SECONDS=$(SECONDS) $(BIN)/python -m pytest tests/live/test_soak.py -n $(JOBS) -rs --run-slow

# More examples of everything that is random, and the tests that take long.
nightly: $(VENV)/.test
	MCC_NIGHTLY=1 MCC_SOAK_SECONDS=$(SECONDS) MCC_SEED=$${MCC_SEED:-$$(date +%Y%m%d)} $(BIN)/python -m pytest -n $(JOBS) -rs --run-slow

# One bug at a time into a copy of the compiler: do the tests see it?
seed-bugs: $(VENV)/.test
	$(BIN)/python tests/seed_bugs.py
	$(BIN)/python tests/seed_tcp_bugs.py

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The Debian or Ubuntu packages that tests and tools use. As root.
setup-system:
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(APT)
	-DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(APT_OPTIONAL)

# ---------------------------------------------------------------- the virtual environment

$(VENV)/.venv:
	@test -n "$(PYTHON)" || { echo "mcc needs Python 3.11 or newer: apt-get install python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m virtualenv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
		echo "a virtual environment cannot be made: apt-get install python3-venv (or make setup-system, as root)"; exit 1; }
	@touch $@

$(VENV)/.run: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.run $(VENV)/.test
