# make demo and make test create a virtual environment on the first run and reuse it afterwards.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

# Tests run in several processes, each on one core. Fits of networks divide the cores automatically.
test test-slow test-lowest designs docs: export OMP_NUM_THREADS ?= 1

.PHONY: setup demo test test-slow test-lowest test-gpu designs lint docs accessibility benchmark results release-check clean

setup: $(VENV)/.ready

# torch is installed first and pinned: another order or version can install gigabytes of CUDA libraries.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'sklearn-emg needs Python 3.11 or newer')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,test]"
	touch $@

demo: setup
	$(BIN)/python examples/evaluation/compare_classical_and_deep.py --jobs $(JOBS)

test: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow and not gpu and not network" sklearn_emg tests

test-slow: setup
	$(BIN)/python -m pytest -n $(JOBS) -m "slow" tests

# Tests the lowest versions that pyproject.toml allows in a separate environment, which also loads systems
# saved with the current versions. Extras that need a later NumPy or scikit-learn (tsfresh, riemann, survival,
# onnx, lsl) have their lowest versions in a second environment, with current versions of all other packages.
test-lowest: setup
	$(PYTHON) -m venv build/lowest
	$(PYTHON) tests/lowest.py > build/lowest.txt && grep "^torch==" constraints.txt >> build/lowest.txt
	build/lowest/bin/python -m pip install --quiet --constraint build/lowest.txt torch
	build/lowest/bin/python -m pip install --quiet --constraint build/lowest.txt --editable \
		".[nets,plot,export,reduce,prognosis,explain,deploy,catch22,serial,terminal]" \
		pytest pytest-xdist hypothesis h5py edfio openpyxl soundfile
	$(BIN)/python benchmarks/versions.py save build/versions
	build/lowest/bin/python benchmarks/versions.py load build/versions
	build/lowest/bin/python -m pytest -q -n $(JOBS) -m "not slow and not gpu and not network" tests
	$(PYTHON) -m venv build/late
	$(PYTHON) tests/lowest.py late > build/late.txt
	build/late/bin/python -m pip install --quiet --constraint build/late.txt torch
	build/late/bin/python -m pip install --quiet --constraint build/late.txt --editable \
		".[nets,plot,deploy,prognosis,tsfresh,riemann,survival,onnx,lsl]" pytest pytest-xdist hypothesis
	build/late/bin/python -m pytest -q -n $(JOBS) -m "not slow and not gpu and not network" $(LATE)

LATE := tests/test_feature_selection.py tests/feature_extraction/test_tsfresh.py tests/metrics/test_survival.py \
	tests/prognosis/test_survival.py tests/deployment/test_onnx.py tests/neural_network/test_onnx.py \
	tests/streaming/test_lsl.py tests/feature_extraction/test_rocket.py tests/feature_extraction/test_transforms.py

test-gpu: setup
	$(BIN)/python -m pytest -m "gpu" tests

# Tests random designs of subjects and folds in every evaluation, fifty times as many as make test.
designs: setup
	HYPOTHESIS_EXAMPLES=10000 $(BIN)/python -m pytest -q -n $(JOBS) tests/test_designs.py
	SKLEARN_EMG_VISIT_DESIGNS=2000 $(BIN)/python -m pytest -q tests/prognosis/test_visits.py -k leaks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Treats warnings as errors, runs the examples and checks internal links. All pages are read again (-E),
# because a package added since the last build would otherwise have no pages of its objects.
docs: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,docs]"
	$(BIN)/python -m pytest -q -p no:cacheprovider --doctest-glob='*.rst' doc/tour.rst doc/user_guide
	$(BIN)/python doc/leak_figure.py
	$(BIN)/python -m sphinx -q -E -b html -W --keep-going -n doc doc/_build/html
	$(BIN)/python doc/check_links.py doc/_build/html

# Checks the accessibility of pages in both themes; needs Node.js and Chromium (path in CHROMIUM).
PAGES ?= $(shell find doc/_build/html -name "*.html")
accessibility:
	npm install --silent --no-save puppeteer-core axe-core
	node doc/axe.mjs $(PAGES)

# Runs all published systems with the published settings: minutes for classical systems, minutes to hours
# per fold for large networks without a GPU. An interrupted benchmark continues at the next call, even
# within the training of a network. Examples: make benchmark SYSTEMS=classical, or
# make benchmark OPTIONS="--leave-out 'nodera-*,nam-*=needs a GPU'".
SYSTEMS ?= all
BENCHMARK ?= benchmark_results
OPTIONS ?=
BENCH := $(BIN)/python -m sklearn_emg.papers benchmark --systems $(SYSTEMS) --jobs $(JOBS) $(OPTIONS)

# Four data sets: the simulated cohort, and those of the three real sets that are in SKLEARN_EMG_DATA.
benchmark: setup
	$(BENCH) --data simulated --out $(BENCHMARK)/simulated
	$(call BENCH_ON,lower-limb,lower_limb)
	$(call BENCH_ON,n2001,n2001_biceps)
	$(call BENCH_ON,algiers,algiers)

BENCH_ON = @if [ -d "$(SKLEARN_EMG_DATA)/$(2)" ]; then \
	echo "benchmark on $(2)"; $(BENCH) --data $(1) "$(SKLEARN_EMG_DATA)/$(2)" --out $(BENCHMARK)/$(2); \
	else echo "SKLEARN_EMG_DATA names no folder that contains $(2), which is left out"; fi

# Builds and checks the archives of a release, and installs the wheel in a new environment.
release-check: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[release]"
	rm -rf dist build
	$(BIN)/python -m build --quiet --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	rm -rf build/try && $(PYTHON) -m venv build/try
	build/try/bin/python -m pip install --quiet --constraint constraints.txt dist/*.whl
	cd build/try && bin/python -m pip check && bin/python -m sklearn_emg.show_versions

# Writes tables and figures of the results page from the folders of finished benchmarks.
results: setup
	$(BIN)/python -m sklearn_emg.papers results $(wildcard $(BENCHMARK)/*) --out doc/benchmark

clean:
	rm -rf $(VENV) build dist *.egg-info doc/_build doc/generated doc/auto_examples .pytest_cache .ruff_cache .mypy_cache .hypothesis
