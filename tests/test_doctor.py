import json
import re
import weakref

import pytest
import torch
from conftest import types_unchecked
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from cyclegan import objectives
from cyclegan.__main__ import main
from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import TrainingFailed, UsageError
from cyclegan.generator import Generator
from cyclegan.history import HistoryBuffer
from training import loop
from training.doctor import Doctor
from training.landscapes import draw_dataset
from training.loop import train
from training.state import TrainState
from training.train_command import read_settings


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    draw_dataset(folder, side=16, train=20, test=1, seed=0)
    return folder


@pytest.fixture
def usual(scenes, tmp_path):
    """Flags of a healthy run whose steps take 10 milliseconds."""
    return (
        f"--data {scenes} --run {tmp_path}/run --names summer,winter --crop 16 --load-size 16 "
        "--history 10 --device cpu --checkpoint-every 20 --sample-every 10000 --log-every 20 "
        "--schedule.constant-epochs 50 --schedule.decay-epochs 50 --schedule.learning-rate 5e-4 "
        "--networks.generator.width 8 --networks.generator.blocks 1 "
        "--networks.generator.upsampling resize "
        "--networks.discriminator.width 8 --networks.discriminator.layers 2"
    ).split()


@pytest.fixture
def settings_of(usual):
    return lambda flags="": read_settings([*usual, *flags.split()])


@pytest.fixture
def often(monkeypatch):
    """Examine every 10 steps instead of every 50, since only the number of times matters."""
    monkeypatch.setattr(Doctor, "EVERY", 10)


def after_each_step(monkeypatch, act):
    """Do something to the state after each step of the real loop."""
    step = loop.train_step

    def train_step(state, *rest):
        losses = step(state, *rest)
        act(state)
        return losses

    monkeypatch.setattr(loop, "train_step", train_step)


def make(monkeypatch, forward):
    """Let generators compute `forward`; their weights learn nothing of it."""

    def answer(generator, images):
        return forward(images) + 0 * sum(weights.sum() for weights in generator.parameters())

    monkeypatch.setattr(Generator, "forward", answer)


def freeze_generators(monkeypatch, until=10**9):
    """Undo what each step teaches them."""
    first = {}

    def undo(state):
        generators = nn.ModuleList([state.networks.gen_ab, state.networks.gen_ba])
        if not first:
            first.update({name: w.clone() for name, w in generators.state_dict().items()})
        if state.step < until:
            generators.load_state_dict(first)

    after_each_step(monkeypatch, undo)


def poison(monkeypatch, at, rollbacks=99):
    """Make a weight NaN after step `at`, in a run that went back less than `rollbacks` times."""

    def act(state):
        if state.step == at and state.rollbacks < rollbacks:
            next(state.networks.gen_ab.parameters()).data.fill_(float("nan"))

    after_each_step(monkeypatch, act)


def findings_in(run):
    file = run / "findings.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def found(run):
    """Tell at which step each thing was said first."""
    steps = {}
    for line in findings_in(run):
        steps.setdefault(f"{line['kind']} {line['where']}".strip(), line["step"])
    return steps


def saved(run, name="latest.pt"):
    return Checkpoint.load(run / name).resume


def everything_in(run):
    checkpoint = Checkpoint.load(run / "latest.pt")
    return checkpoint.weights, checkpoint.resume


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


# Healthy runs


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    "flags",
    ["--seed 0", "--seed 1", "--objective hinge", "--objective wgan_gp", "--objective ebgan"],
)
@types_unchecked()
def test_nothing_is_said_of_a_healthy_run(settings_of, flags):
    settings = settings_of(f"--steps 130 {flags}")

    train(settings)

    assert findings_in(settings.run) == []
    assert len(saved(settings.run)["chart"]["past"]) == 13


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("flags", ["", "--precision bf16"])
def test_a_run_that_is_watched_learns_the_same(settings_of, tmp_path, flags):
    norms = "--networks.generator.norm batch --networks.discriminator.norm batch"
    watched = settings_of(f"--steps 25 {norms} {flags}")
    alone = settings_of(f"--steps 25 {norms} {flags} --no-doctor --run {tmp_path}/alone")

    train(watched)
    train(alone)

    (weights, resume), (weights_alone, resume_alone) = map(everything_in, (watched.run, alone.run))
    assert len(resume.pop("chart")["past"]) == 2
    assert resume_alone.pop("chart")["past"] == []
    assert_same((weights, resume), (weights_alone, resume_alone))


# Failures on purpose, and the examination at which they are named


@types_unchecked()
def test_a_learning_rate_of_1_is_named_within_150_steps(settings_of, capsys):
    settings = settings_of("--schedule.learning-rate 1 --steps 150")

    train(settings)

    assert found(settings.run)["flat winter"] == 150
    # Of which colour is left to rounding: at this rate the smallest difference decides.
    said = r"step 150: failure: every summer becomes [a-z ]+ instead of winter since step 50"
    assert re.search(said, capsys.readouterr().err)
    events = EventAccumulator(str(settings.run / "tensorboard")).Reload()
    assert "doctor/flat/text_summary" in events.Tags()["tensors"]


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_discriminator_that_is_too_strong_is_named(settings_of):
    flags = "--schedule.learning-rate 1e-5 --optimizers.discriminators-rate 200"
    settings = settings_of(f"{flags} --steps 190")

    train(settings)

    assert "sure winter" in found(settings.run)


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_discriminator_that_learns_nothing_is_named_at_the_20th_examination(settings_of):
    settings = settings_of("--optimizers.discriminators-rate 1e-9 --steps 200")

    train(settings)

    assert found(settings.run)["guessing winter"] == found(settings.run)["guessing summer"] == 200


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_inverted_colours_are_named_at_the_10th_examination(settings_of, monkeypatch):
    make(monkeypatch, lambda images: -images)
    settings = settings_of("--steps 100")

    train(settings)

    assert found(settings.run)["inverted winter"] == found(settings.run)["inverted summer"] == 100


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_frozen_generator_is_named_at_the_4th_examination_and_when_it_learns_again(
    settings_of, monkeypatch
):
    freeze_generators(monkeypatch, until=55)
    settings = settings_of("--steps 80")

    train(settings)

    lines = [line for line in findings_in(settings.run) if line["where"] == "winter"]
    assert [(line["step"], line["severity"]) for line in lines] == [(40, "failure"), (80, "note")]
    assert lines[1]["sentence"] == "frozen winter: not seen any more since step 50"


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    ("colour", "name"), [(-1, "black"), (1, "white"), (0.2, "one flat colour")]
)
def test_constant_pictures_are_named_at_the_3rd_examination(settings_of, monkeypatch, colour, name):
    make(monkeypatch, lambda images: torch.full_like(images, colour))
    settings = settings_of("--steps 30")

    train(settings)

    assert found(settings.run)["flat winter"] == 30
    assert f"every summer becomes {name} instead" in findings_in(settings.run)[0]["sentence"]


@pytest.mark.usefixtures("often")
def test_the_same_picture_for_all_is_named_at_the_3rd_examination(settings_of, monkeypatch):
    picture = 2 * torch.rand(1, 3, 16, 16) - 1
    make(monkeypatch, lambda images: picture.repeat(len(images), 1, 1, 1))
    settings = settings_of("--steps 30")

    train(settings)

    steps = found(settings.run)
    assert steps["collapsed winter"] == steps["collapsed summer"] == 30
    assert "flat winter" not in steps


@pytest.mark.usefixtures("often")
def test_a_history_of_one_image_is_named_at_the_3rd_examination(settings_of, monkeypatch):
    exchange, first = HistoryBuffer._exchange_one, []

    def exchange_the_first(history, image):
        first.append(image)
        return exchange(history, first[0])

    monkeypatch.setattr(HistoryBuffer, "_exchange_one", exchange_the_first)
    settings = settings_of("--steps 30")

    train(settings)

    assert found(settings.run) == {"same-history winter": 30, "same-history summer": 30}


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_generator_that_only_seems_to_get_better_is_named(settings_of, monkeypatch):
    """Its discriminator learns to call everything real."""
    monkeypatch.setattr(
        objectives,
        "lsgan_discriminator",
        lambda real, fake, *_labels: (real - 1).square().mean() + (fake - 1).square().mean(),
    )
    freeze_generators(monkeypatch)
    settings = settings_of("--steps 130")

    train(settings)

    assert "fooled summer" in found(settings.run)


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_loss_that_begins_to_spike_is_named(settings_of, monkeypatch):
    set_rate = TrainState.set_learning_rate

    def set_growing_rate(state, *rates):
        set_rate(state, *(rate * 1.04**state.step for rate in rates))

    monkeypatch.setattr(TrainState, "set_learning_rate", set_growing_rate)
    settings = settings_of("--steps 120")

    train(settings)

    assert "spiking winter" in found(settings.run)
    assert "spiking summer" in found(settings.run)


@pytest.mark.usefixtures("often")
def test_a_large_gradient_is_named_at_the_3rd_examination(settings_of, monkeypatch):
    normal = objectives.lsgan_discriminator
    monkeypatch.setattr(objectives, "lsgan_discriminator", lambda *args: 1000 * normal(*args))
    settings = settings_of("--steps 30")

    train(settings)

    assert found(settings.run)["large-gradient disc_a"] == 30


@pytest.mark.usefixtures("often")
def test_nan_is_named_at_the_next_examination_with_its_first_step(settings_of, monkeypatch):
    poison(monkeypatch, at=13)
    settings = settings_of("--steps 40 --on-failure stop")

    with pytest.raises(TrainingFailed, match="not-finite since step 14"):
        train(settings)

    [line] = findings_in(settings.run)
    assert (line["step"], line["kind"], line["since"]) == (20, "not-finite", 14)


# What is done about a failure


@pytest.mark.usefixtures("often")
def test_nan_is_never_saved_and_the_run_ends_in_one_line(usual, settings_of, monkeypatch, capsys):
    poison(monkeypatch, at=25)
    run = settings_of().run

    assert main(["train", *usual, "--steps", "60"]) == 1

    assert saved(run)["step"] == 20
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"{run} ended at step 60, which is not saved, because of not-finite")


def test_nan_is_not_saved_even_without_the_doctor(settings_of, monkeypatch):
    poison(monkeypatch, at=25)
    settings = settings_of("--steps 60 --no-doctor")

    with pytest.raises(TrainingFailed, match="weights that are no finite numbers"):
        train(settings)

    assert saved(settings.run)["step"] == 20
    assert findings_in(settings.run) == []


@pytest.mark.usefixtures("often")
def test_stop_ends_with_exit_code_1_and_the_checkpoint_from_before(
    usual, settings_of, monkeypatch, capsys
):
    make(monkeypatch, lambda images: torch.zeros_like(images))
    run = settings_of().run

    assert main(["train", *usual, "--on-failure", "stop"]) == 1

    assert saved(run)["step"] == 20
    last = capsys.readouterr().err.splitlines()[-1]
    assert "ended at step 30, which is not saved, because of flat winter since step 10" in last


@pytest.mark.usefixtures("often")
def test_rollback_goes_on_from_the_last_checkpoint_at_half_the_rate(
    settings_of, monkeypatch, caplog
):
    poison(monkeypatch, at=35, rollbacks=1)
    settings = settings_of("--steps 60 --on-failure rollback")

    state = train(settings)

    assert (state.step, state.rollbacks) == (60, 1)
    rates = [json.loads(line) for line in (settings.run / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["learning_rate"]) for line in rates] == [
        (20, 5e-4),
        (40, 2.5e-4),
        (60, 2.5e-4),
    ]
    [line] = findings_in(settings.run)
    assert (line["step"], line["kind"], line["severity"]) == (20, "rollback", "note")
    assert line["sentence"].startswith("went back from step 40 to step 20 and halved")
    assert "not-finite since step 36" in line["sentence"]
    assert line["sentence"] in caplog.text


@pytest.mark.usefixtures("often")
def test_a_failed_state_makes_room_before_the_run_goes_back(settings_of, monkeypatch):
    around, made, alive = TrainState.around, [], []

    def watched(networks, *rest):
        alive.append(sum(each() is not None for each in made))
        made.append(weakref.ref(networks))
        return around(networks, *rest)

    monkeypatch.setattr(TrainState, "around", watched)
    poison(monkeypatch, at=35, rollbacks=1)

    train(settings_of("--steps 40 --on-failure rollback"))

    assert alive == [0, 0]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("stop", [40, 55])
@types_unchecked()
def test_a_run_that_went_back_continues_exactly(settings_of, tmp_path, monkeypatch, stop):
    poison(monkeypatch, at=35, rollbacks=1)
    whole = settings_of(f"--steps 60 --on-failure rollback --run {tmp_path}/whole")
    train(whole)

    train(settings_of(f"--steps {stop} --on-failure rollback"))
    continued = settings_of("--steps 60 --on-failure rollback")
    train(continued)

    assert_same(everything_in(continued.run), everything_in(whole.run))
    assert findings_in(continued.run) == findings_in(whole.run)


@pytest.mark.usefixtures("often")
def test_without_a_checkpoint_rollback_begins_again(settings_of, monkeypatch):
    poison(monkeypatch, at=5, rollbacks=2)
    settings = settings_of("--steps 40 --on-failure rollback")

    state = train(settings)

    assert (state.step, state.rollbacks) == (40, 2)
    assert [line["step"] for line in findings_in(settings.run)] == [0, 0]


@pytest.mark.usefixtures("often")
def test_a_run_that_fails_again_and_again_ends(settings_of, monkeypatch):
    poison(monkeypatch, at=25)
    settings = settings_of("--on-failure rollback")

    with pytest.raises(TrainingFailed, match="after going back 3 times"):
        train(settings)

    assert saved(settings.run)["step"] == 20
    assert saved(settings.run)["rollbacks"] == 3


def blank(state):
    """From step 25 on one generator makes grey."""
    if state.step >= 25:
        for weights in state.networks.gen_ab.decode[-1].parameters():
            weights.data.zero_()


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_warned_run_keeps_its_last_healthy_checkpoint_beside_the_latest(settings_of, monkeypatch):
    after_each_step(monkeypatch, blank)
    settings = settings_of("--steps 100")

    train(settings)

    assert found(settings.run)["flat winter"] == 50
    assert saved(settings.run)["step"] == 100
    # That of step 40 was taken before the failure was certain, but after it had begun.
    assert saved(settings.run, "healthy.pt")["step"] == 20


@pytest.mark.usefixtures("often")
def test_a_warned_run_can_be_rolled_back_later(settings_of, monkeypatch):
    with monkeypatch.context() as patch:
        after_each_step(patch, blank)
        train(settings_of("--steps 60"))
    settings = settings_of("--steps 70 --on-failure rollback")

    state = train(settings)

    assert (state.step, state.rollbacks) == (70, 1)
    assert "from step 60 to step 20" in findings_in(settings.run)[-1]["sentence"]
    assert not state.chart.failing


@pytest.mark.usefixtures("often")
def test_a_new_run_does_not_go_back_to_the_healthy_checkpoint_of_a_deleted_one(
    settings_of, monkeypatch
):
    with monkeypatch.context() as patch:
        after_each_step(patch, blank)
        train(settings_of("--steps 60"))
    settings = settings_of("--steps 20")
    (settings.run / "latest.pt").unlink()

    train(settings)

    assert not (settings.run / "healthy.pt").exists()


@pytest.mark.usefixtures("often")
@types_unchecked()
def test_a_continued_run_says_what_an_uninterrupted_one_does(settings_of, tmp_path, monkeypatch):
    freeze_generators(monkeypatch, until=55)
    whole = tmp_path / "whole"
    train(settings_of(f"--steps 90 --run {whole}"))

    for stop in (23, 40, 67):
        run = tmp_path / f"stopped-at-{stop}"
        train(settings_of(f"--steps {stop} --run {run}"))
        with (run / "findings.jsonl").open("a") as file:
            file.write('{"step": 89, "kind": "of a killed run"}\n{"st')
        train(settings_of(f"--steps 90 --run {run}"))

        assert findings_in(run) == findings_in(whole) != []
        assert_same(everything_in(run), everything_in(whole))


def test_rollback_without_the_doctor_is_refused(settings_of):
    with pytest.raises(UsageError, match="on-failure is rollback without the doctor"):
        settings_of("--no-doctor --on-failure rollback")
