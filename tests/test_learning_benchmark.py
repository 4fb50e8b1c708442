import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import learning, learning_trials
from cyclegan.checkpoint import Checkpoint
from cyclegan.pixels import to_signed
from training.landscapes import draw_dataset
from training.pictures import picture_files, read_squares


@pytest.fixture
def drawn(tmp_path):
    draw_dataset(tmp_path / "data", side=32, train=3, test=2, seed=0)
    return tmp_path / "data"


def test_learning_is_measured_from_words_to_json(tmp_path, drawn, capsys):
    file, recipe = tmp_path / "learning.json", tmp_path / "recipe.toml"
    recipe.write_text('preset = "tiny"\nprecision = "fp32"\n[weights]\ncycle = 1\n')
    words = (
        f"--data {drawn} --out {tmp_path / 'runs'} --names summer,winter --labels winter "
        f"--ways naive fp32 recipe --recipe {recipe} --preset tiny --size 32 --steps 4 --seeds 2 "
        f"--device cpu --json {file}"
    )

    assert learning.main(words.split()) == 0

    trials = json.loads(file.read_text())["trials"]
    assert [(each["way"], each["seed"]) for each in trials] == [
        (way, seed) for seed in (0, 1) for way in ("naive", "fp32", "recipe")
    ]
    for naive, ours, other in (trials[:3], trials[3:]):  # the same crops, weights and rates
        for end in ("to_a", "to_b"):
            assert naive[end]["translated"]["l1"] == pytest.approx(
                ours[end]["translated"]["l1"], rel=0.03
            )
            assert naive[end]["untranslated"] == ours[end]["untranslated"]
        assert other["to_b"] != ours["to_b"]
    table = capsys.readouterr().out
    assert "labels right, to winter" in table
    assert "labels right, to summer" not in table


def test_what_is_measured_is_the_generator_of_each_direction(tmp_path, drawn):
    words = (
        f"--data {drawn} --out {tmp_path / 'runs'} --ways fp32 --preset tiny --size 32 --steps 2 "
        f"--seeds 1 --device cpu --json {tmp_path / 'learning.json'}"
    )
    assert learning.main(words.split()) == 0

    [found] = json.loads((tmp_path / "learning.json").read_text())["trials"]
    networks = Checkpoint.load(tmp_path / "runs" / "fp32-seed0" / "latest.pt").networks().eval()
    a, b = (to_signed(read_squares(picture_files(drawn / part), 32)) for part in ("testA", "testB"))
    with torch.no_grad():
        to_a, to_b = (networks.gen_ba(b) - a).abs().mean(), (networks.gen_ab(a) - b).abs().mean()
    assert found["to_a"]["translated"]["l1"] == pytest.approx(to_a.item(), abs=2e-3)
    assert found["to_b"]["translated"]["l1"] == pytest.approx(to_b.item(), abs=2e-3)
    assert abs(to_a - to_b) > 1e-2


def test_what_was_learned_is_not_learned_again(tmp_path, drawn, monkeypatch):
    words = (
        f"--data {drawn} --out {tmp_path / 'runs'} --ways naive bf16 --preset tiny --size 32 "
        "--steps 2 --seeds 1 --device cpu"
    )
    assert learning.main(words.split()) == 0
    monkeypatch.setattr(learning_trials, "_naively", None)
    monkeypatch.setattr(learning_trials, "_by_ours", None)

    assert learning.main(words.split()) == 0


def test_numbers_of_other_settings_are_not_taken_for_those_asked_for(tmp_path, drawn, capsys):
    words = (
        f"--data {drawn} --out {tmp_path / 'runs'} --ways naive --preset tiny --size 32 --seeds 1 "
        "--device cpu --steps"
    )
    assert learning.main([*words.split(), "2"]) == 0

    assert learning.main([*words.split(), "4"]) == 2

    assert "is of other settings than these; give another --out" in capsys.readouterr().err


def test_a_recipe_and_its_way_go_together(tmp_path, drawn, capsys):
    assert learning.main(f"--data {drawn} --out {tmp_path} --ways naive recipe".split()) == 2

    assert "--ways recipe and --recipe FILE go together" in capsys.readouterr().err
