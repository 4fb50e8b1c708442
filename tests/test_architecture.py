"""Who may import whom: a rule, so a test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"cyclegan", "evaluation", "training", "service"}
DOOR = "__main__.py"  # imports a package only inside the verb that needs it
PURE_MEASURES = {"evaluation.content", "evaluation.measures", "evaluation.sliced_wasserstein"}
MAY_IMPORT = {
    "cyclegan": {"cyclegan"},
    "training": {"training", "cyclegan", *PURE_MEASURES},
    "evaluation": {"evaluation", "training", "cyclegan"},
    # These of ours import no PyTorch.
    "service": {
        "service",
        "cyclegan.atomic_file",
        "cyclegan.printable",
        "cyclegan.command_line",
        "cyclegan.contract",
        "cyclegan.cores",
        "cyclegan.errors",
    },
}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("measure", sorted(PURE_MEASURES))
def test_what_training_measures_with_knows_nothing_of_training(measure):
    ours = {
        m for m in imports_of(ROOT / f"{measure.replace('.', '/')}.py") if m.split(".")[0] in OURS
    }

    assert ours <= {"cyclegan.pixels"}


@pytest.mark.parametrize("package", sorted(OURS))
def test_a_package_imports_only_what_it_may(package):
    allowed = MAY_IMPORT[package]
    for path in (ROOT / package).rglob("*.py"):
        if path.name == DOOR:
            continue
        for module in imports_of(path):
            if module.split(".")[0] in OURS:
                assert module in allowed or module.split(".")[0] in allowed, f"{path}: {module}"


def test_the_door_imports_the_rooms_only_inside_a_verb():
    tree = ast.parse((ROOT / "cyclegan" / DOOR).read_text())
    at_the_top = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]

    assert {module for module in at_the_top if module.split(".")[0] in OURS} == {"cyclegan.errors"}


@pytest.mark.parametrize(
    "module", ["service.app", "service.translate_command", "cyclegan.__main__"]
)
def test_what_runs_a_model_needs_no_pytorch(module):
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_step_reads_as_one_screen():
    source = (ROOT / "training" / "step.py").read_text()
    [step] = [n for n in ast.parse(source).body if getattr(n, "name", "") == "train_step"]

    assert step.end_lineno - step.lineno < 60
