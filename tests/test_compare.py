import json
import shutil
from typing import get_args

import numpy as np
import pytest
import torch
from conftest import draw_pictures
from PIL import Image
from torch import nn

from cyclegan.__main__ import main
from cyclegan.adversary import Objective
from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import DataError, UsageError
from cyclegan.networks import Networks
from training import trial
from training.compare_command import run
from training.comparison import Comparison
from training.counterparts import Counterparts, find_counterparts
from training.folders import find_folders
from training.landscapes import draw_dataset
from training.loop import train
from training.state import TrainState
from training.train_command import read_settings
from training.trial import Trial, trained

CPU = torch.device("cpu")
OBJECTIVES = get_args(Objective)
STEPS = 14  # two epochs of seven pictures
FLAGS = str.split(
    "--names summer,winter --crop 16 --load-size 16 --history 2 --device cpu --log-every 5 "
    "--schedule.constant-epochs 1 --schedule.decay-epochs 1 "
    "--networks.generator.width 4 --networks.generator.blocks 1 "
    "--networks.discriminator.width 4 --networks.discriminator.layers 2"
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    draw_dataset(folder, side=16, train=7, test=3, seed=0)
    return folder


def words(drawn, out, objectives, *more):
    return [
        "--objectives",
        *objectives.split(),
        "--data",
        f"{drawn}",
        "--out",
        f"{out}",
        *FLAGS,
        *more,
    ]


def weights_of(run):
    return Checkpoint.load(run / "latest.pt").weights


def comparison_in(out):
    return Comparison.model_validate_json((out / "comparison.json").read_text())


def settings_of(objective, *more, run="run"):
    return read_settings(["--run", f"{run}", "--objective", objective, *FLAGS, *more])


def test_every_objective_begins_with_the_same_generators():
    begun = {
        objective: TrainState.start(settings_of(objective, "--seed", "3"), CPU).networks
        for objective in OBJECTIVES
    }

    for networks in begun.values():
        for name in ("gen_ab", "gen_ba"):
            expected = getattr(begun["lsgan"], name).state_dict()
            torch.testing.assert_close(
                getattr(networks, name).state_dict(), expected, rtol=0, atol=0
            )


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(("pictures", "batch"), [(7, 1), (203, 1), (203, 2), (3, 1)])
def test_every_objective_gets_as_many_steps_and_the_same_course_of_its_rate(
    objective, pictures, batch
):
    flags = ("--batch", f"{batch}")
    usual = Trial.evened(settings_of("lsgan", *flags), pictures)
    other = Trial.evened(settings_of(objective, *flags), pictures)

    own_steps = max(1, pictures // other.settings.pictures_per_step)
    assert other.settings.schedule.steps(own_steps) == other.last == usual.last
    for step in (0, usual.last // 2, usual.last - 1):
        shares = [
            each.settings.schedule.rate(step, steps) / each.settings.schedule.learning_rate
            for each, steps in ((usual, max(1, pictures // batch)), (other, own_steps))
        ]
        assert shares[0] == pytest.approx(shares[1])


def test_a_comparison_leaves_ordinary_runs_a_table_a_plot_and_pictures(drawn, tmp_path, capsys):
    out = tmp_path / "out"

    assert main(["compare", *words(drawn, out, "lsgan wgan", "--seeds", "2")]) == 0

    found = comparison_in(out)
    assert [row.objective for row in found.rows] == ["lsgan", "wgan"]
    assert found.seeds == [0, 1]
    assert [each.step for each in found.trials] == [STEPS] * 4
    assert [row.pictures_per_step for row in found.rows] == [1, 5]
    assert all(0 < row.to_b.least < row.to_b.mean < row.to_b.greatest < 2 for row in found.rows)
    table = (out / "comparison.md").read_text()
    assert "| lsgan | 0.0002 | 1 | " in table
    assert "| wgan | 5e-05 | 5 | " in table
    assert "to winter" in capsys.readouterr().out
    for picture in ("comparison.png", "pictures.png"):
        with Image.open(out / picture) as image:
            image.load()

    alone = train(settings_of("lsgan", "--data", f"{drawn}", "--seed", "1", run=tmp_path / "alone"))
    compared = weights_of(out / "lsgan-seed1")
    torch.testing.assert_close(compared, alone.networks.state_dict(), rtol=0, atol=0)


def test_what_is_done_is_not_trained_again(drawn, tmp_path, monkeypatch):
    assert run(words(drawn, tmp_path, "lsgan", "--seeds", "1")) == 0
    before = comparison_in(tmp_path)
    trainings = []
    monkeypatch.setattr(
        trial, "train", lambda settings: trainings.append(settings.run.name) or train(settings)
    )

    assert run(words(drawn, tmp_path, "lsgan hinge", "--seeds", "1")) == 0

    assert trainings == ["hinge-seed0"]
    assert comparison_in(tmp_path).trials[0] == before.trials[0]


def test_what_was_stopped_goes_on_to_the_same_end(drawn, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    asked = "lsgan hinge minimax"
    run(words(drawn, whole, asked, "--seeds", "1"))
    with monkeypatch.context() as patch:
        patch.setattr(trial, "train", lambda settings: train(stopped_at(5, settings, "hinge")))
        assert run(words(drawn, broken, asked, "--seeds", "1")) == 1
    assert [row.objective for row in comparison_in(broken).rows] == ["lsgan"]
    assert not (broken / "minimax-seed0").exists()

    assert run(words(drawn, broken, asked, "--seeds", "1")) == 0

    first, second = comparison_in(whole).trials, comparison_in(broken).trials
    assert [each.errors for each in first] == [each.errors for each in second]
    assert [each.timed_steps for each in second] == [STEPS] * 3


def stopped_at(step, settings, objective):
    """As Ctrl-C would, between two steps."""
    if settings.objective != objective:
        return settings
    return settings.model_copy(update={"steps": step})


def test_a_run_that_fails_stands_in_the_table_and_ends_nothing(drawn, tmp_path):
    bad = ("--seeds", "1", "--schedule.learning-rate", "1e30")

    assert run(words(drawn, tmp_path, "lsgan hinge", *bad)) == 0

    found = comparison_in(tmp_path)
    assert [(row.failed, row.to_b) for row in found.rows] == [(1, None), (1, None)]
    assert "no finite numbers" in found.trials[0].failure
    assert "| lsgan | 1e+30 | 1 | – | – | – | 1 of 1 | " in (tmp_path / "comparison.md").read_text()


def test_training_sees_nothing_of_the_pairs(drawn, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(drawn, other)
    for part in ("testA", "testB"):
        shutil.rmtree(other / part)
        draw_pictures(other / part, 3, side=16, seed=ord(part[-1]))
    for data, out in ((drawn, "one"), (other, "two")):
        run(words(data, tmp_path / out, "wgan", "--seeds", "1"))

    one, two = (weights_of(tmp_path / out / "wgan-seed0") for out in ("one", "two"))

    torch.testing.assert_close(one, two, rtol=0, atol=0)
    errors = [comparison_in(tmp_path / out).trials[0].errors for out in ("one", "two")]
    assert errors[0] != errors[1]


def test_a_learning_rate_that_is_given_holds_for_all(drawn, tmp_path):
    run(
        words(
            drawn,
            tmp_path,
            "wgan",
            "--seeds",
            "1",
            "--steps",
            "1",
            "--schedule.learning-rate",
            "1e-3",
        )
    )

    [row] = comparison_in(tmp_path).rows
    assert row.learning_rate == 1e-3


def test_what_is_measured_is_what_export_would_take(drawn, tmp_path):
    run(words(drawn, tmp_path, "lsgan", "--seeds", "1", "--stabilisers.average", "0.9"))
    checkpoint = Checkpoint.load(tmp_path / "lsgan-seed0" / "latest.pt")

    networks = trained(comparison_in(tmp_path).trials[0].settings).state_dict()

    for name, mean in checkpoint.averaged.items():
        assert torch.equal(networks[name], mean)
        if name.endswith("weight"):  # biases before instance norm do not learn
            assert not torch.equal(networks[name], checkpoint.weights[name])


def test_a_recipe_holds_for_all_runs(drawn, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("seed = 5\nsteps = 1\n[schedule]\nlearning_rate = 1e-3\n")

    run(words(drawn, tmp_path, "wgan", "--seeds", "1", "--recipe", f"{recipe}"))

    [row] = comparison_in(tmp_path).rows
    assert row.learning_rate == 1e-3
    assert comparison_in(tmp_path).seeds == [5]


@pytest.mark.parametrize("line", ['objective = "wgan"', 'run = "run"'])
def test_a_recipe_of_one_training_alone_is_refused(tmp_path, line):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(line)

    with pytest.raises(UsageError, match="is for one training, also in a recipe; give"):
        run(["--objectives", "all", "--out", "x", "--recipe", f"{recipe}"])


def test_a_recipe_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"--recipe nowhere\.toml cannot be read"):
        run(["--objectives", "all", "--out", "x", "--recipe", "nowhere.toml"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "--objectives lsgan nonsense --out x",
            "nonsense is no objective; expected all, or minimax",
        ),
        ("--objectives --out x", "expected at least one argument"),
        ("--out x", "--objectives is missing"),
        ("--objectives all", "--out is missing"),
        ("--objectives all --out x --seeds 0", "--seeds is '0'"),
        ("--objectives all --out x --run y", "--run is for one training, also in a recipe; give"),
        ("--objectives all --out x --objective lsgan", "--objective is for one training"),
        ("--objectives all --out x --crop 18", "crop is 18 pixels"),
        ("--objectives all --out x --stabilisers.flip 0.1", "objective is wgan, whose"),
        ("--objectives all --out x --nonsense", "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(given, message):
    with pytest.raises(UsageError, match=message) as caught:
        run(given.split())

    assert str(caught.value).startswith("cyclegan compare: ")
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_said_before_training(drawn, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(UsageError, match="give another folder with --out"):
        run(words(drawn, tmp_path / "file" / "out", "lsgan"))


class Scale(nn.Module):
    """Stands for a generator: multiplies by one number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images):
        return images * self.factor


def write_pair(folder, name, of_a, of_b):
    for part, value in (("A", of_a), ("B", of_b)):
        (folder / f"test{part}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(folder / f"test{part}" / name)


@pytest.fixture
def plain(tmp_path):
    """Pictures of A are 1 everywhere, and their counterparts 0.2 and 0.6 (in [-1, 1])."""
    for part in ("trainA", "trainB"):
        draw_pictures(tmp_path / part, 1)
    write_pair(tmp_path, "1.png", 255, 153)
    write_pair(tmp_path, "2.png", 255, 204)
    return tmp_path


def counterparts_in(folder):
    return Counterparts(find_counterparts(find_folders(folder)), side=8)


def test_errors_are_those_computed_by_hand(plain, tiny_networks):
    networks = Networks(tiny_networks)
    networks.gen_ab, networks.gen_ba = Scale(0.5), Scale(3.0)

    errors = counterparts_in(plain).errors(networks)

    untranslated = (0.8 + 0.4) / 2
    assert errors.to_b == pytest.approx((0.3 + 0.1) / 2 / untranslated)
    assert errors.to_a == pytest.approx((0.4 + 0.8) / 2 / untranslated)
    assert errors.again_a == pytest.approx(0.5 / untranslated)  # 1 → 0.5 → 1.5
    assert errors.again_b == pytest.approx((0.1 + 0.3) / 2 / untranslated)  # 0.2 → 0.3, 0.6 → 0.9


def test_a_blind_answer_is_the_mean_of_the_other_pictures(plain):
    to_b, to_a = counterparts_in(plain).blind

    assert to_b == pytest.approx(0.4 / 0.6)  # of two pictures, each is answered with the other
    assert to_a == pytest.approx(0)


def test_counterparts_have_one_name_whatever_their_format(plain):
    write_pair(plain, "3.png", 0, 255)
    (plain / "testA" / "3.png").rename(plain / "testA" / "3.bmp")
    draw_pictures(plain / "testA" / "more", 1)

    pairs = find_counterparts(find_folders(plain))

    assert [(a.name, b.name) for a, b in pairs] == [
        ("1.png", "1.png"), ("2.png", "2.png"), ("3.bmp", "3.png"),
    ]  # fmt: skip


def test_without_pairs_it_is_said_what_was_found_and_what_is_expected(plain):
    (plain / "testA" / "2.png").rename(plain / "testA" / "other.png")
    with pytest.raises(
        DataError, match=r"1 of the 2 pictures in .*testA and the 2 in .*testB have"
    ):
        counterparts_in(plain)

    shutil.rmtree(plain / "testA")
    with pytest.raises(DataError, match=r"there are no test pictures.*as cyclegan draw-data makes"):
        counterparts_in(plain)


def test_pairs_of_the_same_picture_measure_nothing(plain):
    for name in ("1.png", "2.png"):
        write_pair(plain, name, 9, 9)

    with pytest.raises(DataError, match="are the same picture twice"):
        counterparts_in(plain)


def test_the_machines_table_is_json_for_anyone(drawn, tmp_path):
    run(words(drawn, tmp_path, "ebgan", "--seeds", "1", "--steps", "2"))

    contents = json.loads((tmp_path / "comparison.json").read_text())

    assert contents["steps"] == 2
    assert contents["rows"][0]["to_b"]["mean"] == contents["trials"][0]["errors"]["to_b"]


def test_domains_are_called_as_in_the_run_that_all_start_from(drawn, tmp_path):
    former = settings_of("lsgan", "--data", f"{drawn}", "--steps", "1", run=tmp_path / "former")
    train(former)
    begin = ["--steps", "1", "--start-from", f"{former.run}", "--seeds", "1"]
    given = words(drawn, tmp_path / "out", "lsgan", *begin)
    place = given.index("--names")

    run([*given[:place], *given[place + 2 :]])

    checkpoint = Checkpoint.load(tmp_path / "out" / "lsgan-seed0" / "latest.pt")
    assert checkpoint.domains == ("summer", "winter")
