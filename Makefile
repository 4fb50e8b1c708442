# The two commands of a newcomer are `make demo` and `make test`.
PYTHON ?= python3
UV := .venv/bin/uv
RUN := .venv/bin/
# Stands for "every dependency is installed"; made anew when the pins change.
INSTALLED := .venv/installed

PIN := $(UV) pip compile --universal --generate-hashes --no-emit-index-url --quiet
PIN_PART := $(PIN) --no-annotate --constraint requirements.txt

.PHONY: demo test test-long test-container check pins clean season monet

demo: $(INSTALLED)
	$(RUN)python demo.py $(if $(ONCE),--once)

test: $(INSTALLED)
	$(RUN)pytest -n 2

# What takes minutes: the service under load. One after another, since each needs the cores.
test-long: $(INSTALLED)
	$(RUN)pytest -m long

# Builds the service's image and runs it; needs an engine (docker info) and docker compose.
test-container: $(INSTALLED)
	$(RUN)pytest -m container -s

check: $(INSTALLED)
	$(RUN)ruff format --check
	$(RUN)ruff check
	$(RUN)pyright
	$(RUN)pytest -q tests/test_architecture.py

# Train a bundled model anew, hours on a CPU, and for monet most of a day: make season
# DATA=summer2winter, or make monet DATA=monet2photo; the same again continues.
PICTURES = $(or $(DATA),$(error give DATA=DIR, a folder with trainA, trainB, testA and testB))
season: $(INSTALLED)
	$(RUN)cyclegan train --recipe recipes/season.toml --data $(PICTURES) --run runs/season
	$(RUN)cyclegan export --run runs/season --out runs/season/model
	$(RUN)cyclegan train --recipe recipes/season-2.toml --data $(PICTURES) --run runs/season-2
	$(RUN)cyclegan train --recipe recipes/season-3.toml --data $(PICTURES) --run runs/season-3
	$(RUN)cyclegan train --recipe recipes/season-4.toml --data $(PICTURES) --run runs/season-4
	$(RUN)cyclegan train --recipe recipes/season-5.toml --data $(PICTURES) --run runs/season-5
	# The fourth stage as generators of the fifth's kind: a teacher without a weave.
	$(RUN)cyclegan train --recipe recipes/season-5.toml --data $(PICTURES) --run runs/season-4b --steps 1
	$(RUN)cyclegan distill --recipe recipes/season-6.toml --data $(PICTURES) --run runs/season-6
	$(RUN)cyclegan distill --recipe recipes/season-7.toml --data $(PICTURES) --run runs/season-7 --steps 1000
	$(RUN)cyclegan distill --recipe recipes/season-8.toml --data $(PICTURES) --run runs/season-8
	# Of winter2summer the fourth and the seventh stage are the better ones, of summer2winter the fifth and the eighth.
	$(RUN)cyclegan export --run runs/season-5 --out runs/season-teacher
	$(RUN)cyclegan export --run runs/season-4b --out runs/season-4b/model
	cp runs/season-4b/model/b2a.onnx runs/season-teacher/b2a.onnx
	$(RUN)cyclegan export --run runs/season-8 --out runs/season-begun
	$(RUN)cyclegan export --run runs/season-7 --out runs/season-7/model
	cp runs/season-7/model/b2a.onnx runs/season-begun/b2a.onnx
	$(RUN)cyclegan distill --recipe recipes/season-9.toml --data $(PICTURES) --run runs/season-9 --steps 2250
	$(RUN)cyclegan export --run runs/season-9 --out models/season

monet: $(INSTALLED)
	$(RUN)cyclegan train --recipe recipes/monet.toml --data $(PICTURES) --run runs/monet
	$(RUN)cyclegan train --recipe recipes/monet-photos.toml --data $(PICTURES) --run runs/monet-photos
	# Of photo2painting the first is the better one, of painting2photo the second.
	$(RUN)cyclegan export --run runs/monet --out runs/monet-mixed
	$(RUN)cyclegan export --run runs/monet-photos --out runs/monet-photos/model
	cp runs/monet-photos/model/a2b.onnx runs/monet-mixed/a2b.onnx
	$(RUN)cyclegan train --recipe recipes/monet-2.toml --data $(PICTURES) --run runs/monet-2
	$(RUN)cyclegan train --recipe recipes/monet-3.toml --data $(PICTURES) --run runs/monet-3
	$(RUN)cyclegan train --recipe recipes/monet-4.toml --data $(PICTURES) --run runs/monet-4
	# The teacher paints a little more strongly than it has learned to.
	$(RUN)cyclegan export --run runs/monet-4 --out runs/monet-4/model
	$(RUN)cyclegan strengthen runs/monet-4/model --a2b 1.03 --b2a 1.1 --out runs/monet-teacher
	$(RUN)cyclegan distill --recipe recipes/monet-5.toml --data $(PICTURES) --run runs/monet-5 --steps 2324
	$(RUN)cyclegan distill --recipe recipes/monet-6.toml --data $(PICTURES) --run runs/monet-6
	# As much of the target as the error there and back has room for.
	$(RUN)cyclegan export --run runs/monet-6 --out runs/monet-6/model
	$(RUN)cyclegan strengthen runs/monet-6/model --b2a 1.09 --out models/monet

# After a change of dependencies in pyproject.toml.
pins: $(INSTALLED)
	$(PIN) pyproject.toml --all-extras --output-file requirements.txt
	# Parts of the same for the images, of which each carries only what it runs.
	$(PIN_PART) pyproject.toml --extra training --output-file deploy/requirements/training.txt
	$(PIN_PART) pyproject.toml --extra service --output-file deploy/requirements/gpu.txt
	$(PIN_PART) pyproject.toml --extra service --extra cuda --output-file deploy/requirements/cuda.txt
	$(PIN_PART) pyproject.toml --extra service --extra openvino \
		--override deploy/requirements/without-gpu.in --output-file deploy/requirements/cpu.txt
	$(PIN_PART) pyproject.toml --extra service --extra openvino --extra ray \
		--override deploy/requirements/without-gpu.in --output-file deploy/requirements/ray.txt
	$(PIN_PART) deploy/requirements/build.in --output-file deploy/requirements/build.txt

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python >= 3.11 is needed')"
	$(PYTHON) -m venv .venv
	$(RUN)python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(UV) pip install --quiet --compile-bytecode --python .venv --require-hashes --requirement requirements.txt
	$(UV) pip install --quiet --python .venv --no-deps --editable .
	touch $@

clean:
	rm -rf .venv build runs/demo
