# The two commands of a newcomer are `make demo` and `make test`.
PYTHON ?= python3
UV := .venv/bin/uv
RUN := .venv/bin/
# Stands for "every dependency is installed"; made anew when the pins change.
INSTALLED := .venv/installed

.PHONY: demo test test-long check pins clean

demo: $(INSTALLED)
	$(RUN)python demo.py $(if $(ONCE),--once)

test: $(INSTALLED)
	$(RUN)pytest -n 2

# What takes minutes: the service under load. One after another, since each needs the cores.
test-long: $(INSTALLED)
	$(RUN)pytest -m long

check: $(INSTALLED)
	$(RUN)ruff format --check
	$(RUN)ruff check
	$(RUN)pyright
	$(RUN)pytest -q tests/test_architecture.py

# After a change of dependencies in pyproject.toml.
pins: $(INSTALLED)
	$(UV) pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url \
		--quiet --output-file requirements.txt

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python >= 3.11 is needed')"
	$(PYTHON) -m venv .venv
	$(RUN)python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(UV) pip install --quiet --python .venv --require-hashes --requirement requirements.txt
	$(UV) pip install --quiet --python .venv --no-deps --editable .
	touch $@

clean:
	rm -rf .venv build runs/demo
