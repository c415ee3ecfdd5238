# Needs a POSIX shell, make and Python >= 3.11; everything else is installed into $(VENV).

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2

RUN = $(VENV)/bin/python
INSTALL = $(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

help:
	@echo 'make demo    certify sin(10*x)*exp(-x) to 1e-4 and print the proof'
	@echo 'make test    lint, types, tests and doctests'
	@echo 'make shuffle the tests again in four other orders'
	@echo 'make deep    the tests again as a long random search'
	@echo 'make figures write every figure of docs/ and of the README'
	@echo 'make bench   run every script of benchmarks/'
	@echo 'make docs    build docs/_build/html, warnings are errors (needs Node for the formulas)'
	@echo 'make dist    build wheel and sdist, and try the wheel in an empty environment'
	@echo 'make formal  check the proofs of formal/ with Rocq (coqc and Coquelicot)'
	@echo 'make clean   remove $(VENV), builds and caches'
	@echo 'Options: PYTHON=python3.12 (default $(PYTHON)), VENV=dir (default $(VENV)), WORKERS=n (default $(WORKERS))'

demo: $(VENV)/.installed
	$(VENV)/bin/mgdl-theory verify "sin(10*x)*exp(-x)" --tol 1e-4

test: $(VENV)/.installed-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy --strict mgdl_theory
	$(RUN) -m pytest -n $(WORKERS)

shuffle: $(VENV)/.installed-dev
	@set -e; for seed in 2 3 4 5; do \
	    echo "== seed $$seed"; $(RUN) -m pytest -n $(WORKERS) --randomly-seed=$$seed; \
	done

deep: $(VENV)/.installed-dev
	HYPOTHESIS_PROFILE=deep $(RUN) -m pytest -n $(WORKERS)

figures: $(VENV)/.installed
	$(RUN) docs/make_figures.py

bench: $(VENV)/.installed-dev
	@set -e; for script in benchmarks/*.py; do \
	    if [ ! -f "$$script" ]; then echo 'benchmarks/ holds no script yet'; break; fi; \
	    echo "== $$script"; $(RUN) "$$script"; \
	done

dist: $(VENV)/.installed-dev
	$(RUN) tests/try_wheel.py

formal:
	@command -v coqc >/dev/null 2>&1 && [ -e "$$(coqc -where)/user-contrib/Coquelicot/Coquelicot.vo" ] \
	    || { echo 'error: Rocq or Coq with Coquelicot is needed: on Debian and Ubuntu, apt install coq libcoq-coquelicot' >&2; exit 1; }
	cd formal && coq_makefile -f _CoqProject -o CoqMakefile
	$(MAKE) --no-print-directory -C formal -f CoqMakefile

KATEX = docs/_build/npm/node_modules/katex/dist/katex.min.css

docs: $(VENV)/.installed-docs $(KATEX)
	$(RUN) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo 'the pages are in docs/_build/html/index.html'

# the version that sphinxcontrib-katex bundles; its style sheet and fonts have to be of the same one
$(KATEX):
	@command -v npm >/dev/null 2>&1 || { echo 'error: the formulas need Node and npm: install Node >= 18' >&2; exit 1; }
	npm install --silent --no-audit --no-fund --prefix docs/_build/npm katex@0.16.22

clean:
	@if [ -f '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)'; fi
	rm -rf build dist docs/_build docs/_generated formal/CoqMakefile* formal/.CoqMakefile.d .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f formal/*.vo formal/*.vok formal/*.vos formal/*.glob formal/.*.aux formal/.*.cache
	find . -path './.*' -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# dependency groups need pip >= 25.1, and a new environment may have an older one
$(VENV)/.installed: pyproject.toml constraints.txt | venv
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | venv
	$(INSTALL) --upgrade pip
	$(INSTALL) --editable '.[all]' --group dev
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: pyproject.toml constraints.txt | venv
	$(INSTALL) --upgrade pip
	$(INSTALL) --editable '.[all]' --group dev --group docs
	@touch $(VENV)/.installed $(VENV)/.installed-dev $@

# Makes $(VENV) unless there is one, and refuses one that is broken or of another Python than asked for.
venv:
	@version='import sys; print(*sys.version_info[:2], sep=".")'; \
	recent='import sys; sys.exit(sys.version_info < (3, 11))'; \
	fail() { echo "error: $$*" >&2; exit 1; }; \
	if [ -f '$(VENV)/pyvenv.cfg' ]; then \
	    '$(RUN)' -m pip --version >/dev/null 2>&1 && '$(RUN)' -c "$$recent" \
	        || fail '$(VENV) is broken or unfinished: run make clean VENV=$(VENV), then try again'; \
	    if [ '$(PYTHON)' = python3 ]; then exit 0; fi; \
	    old=$$('$(RUN)' -c "$$version"); \
	    new=$$('$(PYTHON)' -c "$$version") || fail 'no $(PYTHON) found'; \
	    [ "$$old" = "$$new" ] \
	        || fail "$(VENV) is of Python $$old and $(PYTHON) is $$new: run make clean, or name another with VENV=dir"; \
	    exit 0; \
	fi; \
	command -v '$(PYTHON)' >/dev/null 2>&1 \
	    || fail 'no $(PYTHON) found: install Python >= 3.11, or name it with PYTHON=python3.12'; \
	'$(PYTHON)' -c "$$recent" \
	    || fail "Python >= 3.11 is needed and $(PYTHON) is $$('$(PYTHON)' -V 2>&1): name a newer one with PYTHON=python3.12"; \
	'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null \
	    || fail '$(PYTHON) lacks the venv module: on Debian and Ubuntu, apt install python3-venv'; \
	echo "making $(VENV) with $$('$(PYTHON)' -V)"; \
	'$(PYTHON)' -m venv '$(VENV)'

.PHONY: help demo test shuffle deep figures bench docs dist formal clean venv
.NOTPARALLEL:
