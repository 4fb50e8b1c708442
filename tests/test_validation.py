"""A run is measured on held-out pictures while it trains, and its best state is kept."""

import json
import shutil

import pytest
import torch
from conftest import draw_pictures
from torch import nn

from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import CheckpointError, DataError, UsageError
from cyclegan.networks import Networks
from cyclegan.pixels import to_bytes
from training import validation
from training.folders import find_folders
from training.loop import train
from training.pictures import picture_files, read_squares
from training.train_command import read_settings
from training.validation import Score, Validation, read_scores
from training.validation_settings import ValidationSettings


@pytest.fixture(autouse=True)
def _few_patches(monkeypatch):
    monkeypatch.setattr(validation, "_PATCHES", 2048)


@pytest.fixture
def settings(tiny_settings, tmp_path):
    """A run of 12 steps that is measured after each 4."""
    data = tmp_path / "four"
    # Those of B are enlarged from 8 pixels, so that their textures differ.
    for seed, (name, side, count) in enumerate(
        [("trainA", 36, 3), ("trainB", 8, 3), ("testA", 36, 3), ("testB", 8, 2)]
    ):
        draw_pictures(data / name, count, side=side, seed=seed)
    return tiny_settings.model_copy(
        update={"data": data, "load_size": 36, "validation": ValidationSettings(every=4)}
    )


def scored(monkeypatch, *excesses):
    """Let measurements give these, one after another."""
    left = iter(excesses)
    monkeypatch.setattr(Validation, "score", lambda *_: Score(next(left), 0.5, 0.1))


def step_of(file):
    return Checkpoint.load(file).facts.steps


def unchanged(settings):
    networks = Networks(settings.networks)
    networks.gen_ab = networks.gen_ba = nn.Sequential(nn.Identity())
    networks.gen_ab.register_parameter("where", nn.Parameter(torch.zeros(1)))
    return networks


def test_who_changes_nothing_has_an_excess_of_1_all_edges_and_no_error(settings):
    validation = Validation(find_folders(settings.data), settings)

    score = validation.score(unchanged(settings))

    assert tuple(score) == pytest.approx((1, 1, 0), abs=1e-5)


def test_who_makes_real_pictures_of_the_target_has_no_excess(settings, tmp_path):
    def drawn(name, side, seed):
        return draw_pictures(tmp_path / "many" / name, 12, side=side, seed=seed)

    for seed, (name, side) in enumerate(
        [("trainA", 36), ("trainB", 8), ("testA", 36), ("testB", 8)]
    ):
        drawn(name, side, seed)
    validation = Validation(find_folders(tmp_path / "many"), settings)

    # Drawn as the others of their domain, and none of those of which the floor is measured.
    real_a, real_b = (
        read_squares(picture_files(drawn(name, side, seed)), 32)
        for name, side, seed in (("a", 36, 10), ("b", 8, 11))
    )
    assert validation._towards_a.excess(real_a) == pytest.approx(0, abs=0.25)
    assert validation._towards_b.excess(real_b) == pytest.approx(0, abs=0.25)


def test_pictures_are_translated_by_the_generator_of_their_direction(settings):
    class Constant(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = nn.Parameter(torch.tensor(value))

        def forward(self, images):
            return self.value.expand_as(images)

    networks = Networks(settings.networks)
    networks.gen_ab, networks.gen_ba = Constant(0.5), Constant(-1.0)
    validation = Validation(find_folders(settings.data), settings)
    seen = {}
    validation._towards_b.is_apart = validation._towards_a.is_apart = True
    validation._towards_b.excess = lambda made: seen.setdefault("b", made).float().mean().item()
    validation._towards_a.excess = lambda made: seen.setdefault("a", made).float().mean().item()

    validation.score(networks)

    assert seen["b"].unique().item() == to_bytes(torch.full((3, 1, 1), 0.5))[0].item()
    assert seen["a"].unique().item() == 0
    assert (len(seen["b"]), len(seen["a"])) == (3, 2)
    assert networks.training


def test_the_best_state_is_kept_and_not_the_last(settings, monkeypatch, caplog, capsys):
    scored(monkeypatch, 0.9, 0.4, 0.6)
    caplog.set_level("INFO")

    train(settings)

    assert step_of(settings.run / "best.pt") == 8
    assert step_of(settings.run / "latest.pt") == 12
    assert [step for step, _ in read_scores(settings.run)] == [4, 8, 12]
    assert "last measured, step 12: excess 0.60, edges 0.50, there and back 0.100" in caplog.text
    assert "best measured, step 8: excess 0.40" in caplog.text
    shown = capsys.readouterr().err
    assert "step 8: excess 0.40, edges 0.50, there and back 0.100; the best so far" in shown
    assert "step 12: excess 0.60, edges 0.50, there and back 0.100; best at step 8" in shown


def test_a_continued_run_knows_the_best_of_before(settings, monkeypatch):
    scored(monkeypatch, 0.4, 0.6, 0.5)

    train(settings.model_copy(update={"steps": 4}))
    train(settings)

    assert step_of(settings.run / "best.pt") == 4


def test_a_killed_run_forgets_what_it_did_not_save(settings, monkeypatch):
    scored(monkeypatch, 0.9, 0.1, 0.5, 0.6)
    train(settings.model_copy(update={"steps": 4}))
    with (settings.run / "validation.jsonl").open("a") as file:
        file.write(json.dumps({"step": 8, "excess": 0.1, "edges": 0.5, "cycle": 0.1}) + "\n")

    train(settings.model_copy(update={"steps": 8}))

    assert [step for step, _ in read_scores(settings.run)] == [4, 8]


def test_what_is_measured_is_what_is_exported(settings, monkeypatch):
    steady = settings.stabilisers.model_copy(update={"average": 0.5})
    settings = settings.model_copy(update={"stabilisers": steady})
    measured = []

    def score(_, networks):
        measured.append(networks.gen_ab.decode[2].weight.detach().clone())
        return Score(0.5, 0.5, 0.5)

    monkeypatch.setattr(Validation, "score", score)

    train(settings)

    latest = Checkpoint.load(settings.run / "latest.pt")
    assert torch.equal(measured[-1], latest.networks(averaged=True).gen_ab.decode[2].weight)
    assert not torch.equal(measured[-1], latest.networks().gen_ab.decode[2].weight)


def test_measuring_changes_nothing_of_the_training(settings):
    train(settings)
    without = settings.model_copy(
        update={"run": settings.run.with_name("other"), "validation": ValidationSettings()}
    )
    train(without)

    one, other = (Checkpoint.load(each.run / "latest.pt") for each in (settings, without))
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert not (without.run / "best.pt").exists()


def test_a_direction_without_a_difference_to_bridge_does_not_count(settings):
    # The training pictures of B are as fine as those of A, and its test pictures are not.
    shutil.rmtree(settings.data / "trainB")
    draw_pictures(settings.data / "trainB", 3, side=36, seed=7)

    score = Validation(find_folders(settings.data), settings).score(unchanged(settings))

    assert score.excess == pytest.approx(1)


def test_the_excess_of_domains_that_are_alike_stays_within_bounds(settings):
    for name in ("trainB", "testB"):
        shutil.rmtree(settings.data / name)
        draw_pictures(settings.data / name, 3, side=36, seed=7)

    score = Validation(find_folders(settings.data), settings).score(unchanged(settings))

    assert abs(score.excess) < 3


@pytest.mark.parametrize(
    ("measure", "best"), [("excess", 2), ("edges", 1), ("cycle", 3)], ids=lambda x: str(x)
)
def test_the_best_is_known_by_the_chosen_measure(measure, best):
    scores = {1: Score(0.5, 0.9, 0.2), 2: Score(0.1, 0.6, 0.2), 3: Score(0.5, 0.6, 0.1)}

    mine = scores.pop(best)

    assert all(mine.is_better(other, measure) for other in scores.values())
    assert not any(other.is_better(mine, measure) for other in scores.values())


def test_of_equal_states_the_first_is_the_best():
    score = Score(0.5, 0.5, 0.5)

    assert not score.is_better(score, "edges")


def test_a_best_state_that_was_taken_back_counts_no_more(settings, monkeypatch, caplog):
    scored(monkeypatch, 0.2, 0.1, 0.3, 0.4)
    caplog.set_level("INFO")
    train(settings.model_copy(update={"steps": 4}))
    latest = (settings.run / "latest.pt").read_bytes()
    train(settings.model_copy(update={"steps": 8}))
    (settings.run / "latest.pt").write_bytes(latest)

    train(settings)

    # Of step 4 there is no state any more.
    assert "best measured, step 8: excess 0.30" in caplog.text
    assert step_of(settings.run / "best.pt") == 8


def test_a_state_that_could_not_be_kept_has_no_score(settings, monkeypatch):
    scored(monkeypatch, 0.2)
    save = Checkpoint.save

    def full(checkpoint, path):
        if path.name == "best.pt":
            raise CheckpointError("no room")
        save(checkpoint, path)

    monkeypatch.setattr(Checkpoint, "save", full)

    with pytest.raises(CheckpointError, match="no room"):
        train(settings)

    assert read_scores(settings.run) == []


def test_without_held_out_pictures_it_is_refused_before_training(settings, monkeypatch):
    shutil.rmtree(settings.data / "testB")
    monkeypatch.setattr("training.sources.decoded", pytest.fail)

    with pytest.raises(DataError, match="no testA and testB to measure on; move some pictures"):
        train(settings)

    assert not settings.run.exists()


def test_pictures_too_small_to_measure_are_refused():
    words = "--run run --preset tiny --crop 32 --load-size 32 --networks.discriminator.layers 2"
    read_settings([*words.split(), "--validation.every", "5"])
    with pytest.raises(UsageError, match="measured from 32 pixels on"):
        read_settings([*words.replace("32", "16").split(), "--validation.every", "5"])
