# Every target sets up what it needs in .venv; `make help` lists them.

# The first of these that is Python 3.9 or later and can make a venv. Or say: make PYTHON=/path/to/python3 TARGET
PYTHON  ?=
PYTHONS := $(if $(PYTHON),$(PYTHON),/usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.10 python3.9)
# The same for `make test-oldest`, oldest first.
OLDEST  ?= python3.9 python3.10 python3.11 python3.12 python3.13

PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?=

VENV := .venv
PY   := $(VENV)/bin/python
PIP  := $(PY) -m pip --quiet --disable-pip-version-check
META := setup.cfg pyproject.toml
# A plain path entry: the usual editable finder would be imported by every python that is started, also by bench's.
EDITABLE := --config-settings editable_mode=compat --editable

# What `make demo` shows: a recorded guest, and its stages before and after the hot-add.
DEMO_ROOT   ?= fixtures/recordings/q35-rootport-acpi.tar.xz
DEMO_BEFORE ?= before
DEMO_AFTER  ?= added

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-oldest lint lint-man lint-sh lab lab-ci lab-list fixtures bench golden man collector install uninstall wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- environments -----------------------------------------------------------------------------------------------------

# $(call make_venv,CANDIDATES,DIRECTORY)
define make_venv
	@for python in $(1); do \
	  path=$$(command -v "$$python") || { why="$$why  $$python: not found\n"; continue; }; \
	  "$$path" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null \
	    || { why="$$why  $$path: not Python 3.9 or later\n"; continue; }; \
	  "$$path" -c 'import ensurepip, venv' 2>/dev/null \
	    || { why="$$why  $$path: has no venv (on Debian: apt-get install python3-venv)\n"; continue; }; \
	  echo "setting up $(2) with $$path"; \
	  exec "$$path" -m venv --clear $(2); \
	done; \
	{ echo "make: no usable Python:"; printf "$$why"; echo "Name one with: make PYTHON=/path/to/python3 ..."; } >&2; exit 1
endef

$(PY):
	$(call make_venv,$(PYTHONS),$(VENV))

# Editable installs from pyproject.toml need pip 21.3; Debian 11 brings 20.3.
$(VENV)/.runtime: $(META) | $(PY)
	@echo "installing hotplugctl and what it runs on into $(VENV)"
	@$(PIP) install 'pip >= 22.3'
	@$(PIP) install $(EDITABLE) .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@echo "installing the test tools into $(VENV)"
	@$(PIP) install $(EDITABLE) '.[test]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	@echo "installing what bench compares with into $(VENV)"
	@$(PIP) install $(EDITABLE) '.[test,bench]'
	@touch $@

# --- see it, test it --------------------------------------------------------------------------------------------------

# $(call show,ARGUMENTS): the command as one would type it, its output, and its status if that is a "no" or a "cannot tell".
define show
	@printf '\n$$ hotplugctl %s\n' '$(1)'; \
	$(PY) -m hotplugctl $(1); code=$$?; \
	case $$code in 0) ;; 1|3) echo "(exit status $$code)" ;; *) exit $$code ;; esac
endef
heading = @printf '\n=== %s ===\n' '$(1)'

demo: $(VENV)/.runtime  ## check this machine, then show a recorded guest before and after a hot-add
	$(call heading,This machine)
	$(call show,check)
	$(call heading,A recorded guest before a hot-add)
	$(call show,check --root $(DEMO_ROOT) --stage $(DEMO_BEFORE))
	$(call show,list --root $(DEMO_ROOT) --stage $(DEMO_BEFORE))
	$(call show,slots --root $(DEMO_ROOT) --stage $(DEMO_BEFORE))
	$(call heading,The same guest after it)
	$(call show,check --root $(DEMO_ROOT) --stage $(DEMO_AFTER))
	$(call show,list --root $(DEMO_ROOT) --stage $(DEMO_AFTER))
	$(call show,slots --root $(DEMO_ROOT) --stage $(DEMO_AFTER))

test: $(VENV)/.test  ## run all tests (ARGS="-k name" for some)
	@$(PY) -m pytest $(ARGS)
	@$(MAKE) --no-print-directory lint-man lint-sh

# The tools of .[test] differ with their age in what they find: the gates are held with today's, the code also with the oldest.
test-oldest:  ## run the tests with the oldest click, pyudev, tabulate and Python that are supported
	$(call make_venv,$(OLDEST),$(VENV)/oldest)
	@$(VENV)/oldest/bin/python -m pip --quiet --disable-pip-version-check install 'pip >= 22.3'
	@$(VENV)/oldest/bin/python -m pip --quiet --disable-pip-version-check install --use-pep517 $(EDITABLE) '.[test]' \
	    'click == 8.0.*' 'pyudev == 0.22.*' 'tabulate == 0.8.7'
	@$(VENV)/oldest/bin/python -m pytest --ignore=tests/house/test_gates.py $(ARGS)

lint: $(VENV)/.test lint-man lint-sh  ## ruff, mypy --strict, import contracts, man pages, the collector
	@$(PY) -m ruff check .
	@$(PY) -m mypy --strict
	@$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()' --no-cache

# Not a Python package, so not always there: .ci/run installs it. Which other manuals are installed is no fault of these.
lint-man:
	@if command -v mandoc >/dev/null; then \
	  if mandoc -T lint man/*.[1-9] 2>&1 | grep -v -e 'referenced manual not found' -e 'outdated mandoc.db'; then exit 1; fi; \
	  echo "man pages: clean"; \
	else echo "man pages: NOT linted, mandoc is missing (on Debian: apt-get install mandoc)"; fi

lint-sh:
	@if command -v shellcheck >/dev/null; then shellcheck -s sh hotplugctl/data/collect.sh && echo "collector: clean"; \
	else echo "collector: NOT linted, shellcheck is missing (on Debian: apt-get install shellcheck)"; fi

bench: $(VENV)/.bench  ## measure speed and size against their bounds (needs lspci)
	@$(PY) -m bench.run $(ARGS)

golden: $(VENV)/.test  ## rewrite the golden outputs; read the difference before you commit it
	@$(PY) -m pytest tests -k golden --update-golden $(ARGS)

man: $(VENV)/.runtime  ## write the generated parts of the man pages anew
	@$(PY) scripts/make_man.py

collector: $(VENV)/.test  ## write what collect.sh has to copy anew
	@$(PY) -m scripts.make_collector

# --- the lab: real kernels, real hot-adds (tests/lab/README.md) ------------------------------------------------------------

lab: $(VENV)/.test  ## boot guests in QEMU, plug and pull devices (ARGS="pc-* --jobs 2"; needs qemu-system-x86, mmdebstrap)
	@$(PY) -m tests.lab $(ARGS)

lab-ci: $(VENV)/.test  ## the selection of it that CI runs
	@$(PY) -m tests.lab --ci $(ARGS)

lab-list: $(VENV)/.test  ## name its scenarios
	@$(PY) -m tests.lab --list $(ARGS)

fixtures: $(VENV)/.test  ## record the guests of fixtures/lab anew in the lab
	@$(PY) -m tests.lab --fixtures --stories build/stories $(ARGS)
	@$(PY) -m scripts.make_lab_fixtures build/stories fixtures/lab
	@rm -rf build/stories

# --- ship it ----------------------------------------------------------------------------------------------------------

# A folder of its own with all that is needed, and a launcher: no other Python package of the system is touched (PEP 668),
# no pip but .venv's is used, and DESTDIR leaves no path in it. -I: what a user's environment says of Python does not count.
HOME_DIR := $(PREFIX)/lib/hotplugctl
MAN_DIR  := $(PREFIX)/share/man

define LAUNCHER
import os, sys
print("#!" + os.path.join(os.path.dirname(sys._base_executable), "python3") + " -I")
print("import sys")
print("sys.path.insert(0, %r)" % sys.argv[1])
print("from hotplugctl.__main__ import main")
print("sys.exit(main())")
endef
export LAUNCHER

install: $(VENV)/.runtime  ## install into PREFIX (/usr/local), below DESTDIR if given
	@rm -rf build "$(DESTDIR)$(HOME_DIR)"
	@umask 022; mkdir -p "$(DESTDIR)$(HOME_DIR)" "$(DESTDIR)$(PREFIX)/bin"
	@umask 022; $(PIP) install --target "$(DESTDIR)$(HOME_DIR)" .
	@rm -rf build "$(DESTDIR)$(HOME_DIR)/bin"
	@$(PY) -c "$$LAUNCHER" "$(abspath $(HOME_DIR))" > "$(DESTDIR)$(PREFIX)/bin/hotplugctl"
	@chmod 755 "$(DESTDIR)$(PREFIX)/bin/hotplugctl"
	@for page in man/*.[1-9]; do \
	  umask 022; install -D -m 644 "$$page" "$(DESTDIR)$(MAN_DIR)/man$${page##*.}/$${page##*/}" || exit 1; \
	done
	@echo "installed $(DESTDIR)$(PREFIX)/bin/hotplugctl"

uninstall:  ## remove what install put there
	@rm -rf "$(DESTDIR)$(HOME_DIR)" "$(DESTDIR)$(PREFIX)/bin/hotplugctl"
	@for page in man/*.[1-9]; do rm -f "$(DESTDIR)$(MAN_DIR)/man$${page##*.}/$${page##*/}"; done

# build/ is removed first: setuptools would put modules that are long gone from there into the wheel.
wheel: $(VENV)/.runtime  ## build dist/*.whl
	@rm -rf build
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@rm -rf build
	@ls dist/*.whl

clean:  ## remove all that these targets made
	@rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
