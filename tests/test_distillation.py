"""Small generators learn what large ones do."""

import json
import re

import pytest
import torch
from conftest import change, types_unchecked
from torch import nn

from cyclegan.__main__ import main
from cyclegan.checkpoint import Checkpoint
from cyclegan.contract import TrainingFacts
from cyclegan.errors import CheckpointError, TrainingFailed, UsageError
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig
from training.distill_command import read_settings
from training.distillation import Teacher, _inattention, distill_step
from training.doctor import Doctor
from training.imitation_settings import DistillSettings, ImitationWeights
from training.loop import train
from training.schedule import Schedule
from training.state import TrainState
from training.trained import Trained

CPU = torch.device("cpu")


@pytest.fixture
def taught(tiny_settings):
    """A trained teacher of 12 steps, and the settings of a distillation from it."""
    steady = tiny_settings.stabilisers.model_copy(update={"average": 0.5})
    train(tiny_settings.model_copy(update={"stabilisers": steady}))
    student = GeneratorConfig(width=2, blocks=0, upsampling="resize")
    networks = tiny_settings.networks.model_copy(update={"generator": student})
    return DistillSettings(
        **{
            **dict(tiny_settings),
            "teacher": tiny_settings.run,
            "run": tiny_settings.run.with_name("student"),
            "networks": networks,
        }
    )


def pictures():
    return torch.rand(2, 1, 3, 16, 16) * 2 - 1


def started(settings):
    """Students at their beginning, and their teacher."""
    teacher = Teacher.of(settings, CPU)
    return TrainState.start(settings, CPU, teacher=teacher.trained), teacher


def test_students_come_nearer_to_what_the_teacher_makes(taught):
    state, teacher = started(taught)
    images = pictures()
    state.set_learning_rate(2e-3, 2e-4)

    losses = [distill_step(state, teacher, *images, taught.imitation) for _ in range(60)]

    first, last = losses[0], losses[-1]
    assert last.pixels_ab + last.pixels_ba < 0.75 * (first.pixels_ab + first.pixels_ba)
    assert last.features_ab + last.features_ba < 0.5 * (first.features_ab + first.features_ba)
    assert state.step == 60


def test_a_student_that_begins_as_its_teacher_looks_where_that_looks(taught):
    """Only its end is new, as that of `--preset pyramid` behind the first doubling."""
    theirs = Checkpoint.load(taught.teacher / "latest.pt").config
    of_a_pyramid = theirs.generator.model_copy(update={"output": "pyramid"})
    networks = theirs.model_copy(update={"generator": of_a_pyramid})
    new = {"start_from": taught.teacher, "networks": networks}
    state, teacher = started(taught.model_copy(update=new))

    losses = distill_step(state, teacher, *pictures(), taught.imitation)

    assert losses.features_ab + losses.features_ba < 1e-6
    assert losses.pixels_ab + losses.pixels_ba > 0.01


def test_losses_are_those_of_the_pictures_that_both_make(taught):
    state, teacher = started(taught)
    real_a, real_b = pictures()
    theirs = Checkpoint.load(taught.teacher / "latest.pt").networks(averaged=True)
    mine = Networks(taught.networks)
    mine.load_state_dict(state.networks.state_dict())

    losses = distill_step(state, teacher, real_a, real_b, taught.imitation)

    fake_b, fake_a = mine.gen_ab(real_a), mine.gen_ba(real_b)
    shown_b, shown_a = theirs.gen_ab(real_a), theirs.gen_ba(real_b)
    expected = [
        (mine.disc_b(fake_b) - 1).square().mean(),
        (mine.disc_a(fake_a) - 1).square().mean(),
        (fake_b - shown_b).abs().mean(),
        (fake_a - shown_a).abs().mean(),
    ]
    torch.testing.assert_close(torch.stack(losses[:4]), torch.stack(expected))


@pytest.mark.parametrize("kind", ["pixels", "features"])
def test_each_term_moves_the_students(taught, kind):
    weights = {"pixels": 1e-9, "features": 0.0}

    def after(**changes):
        state, teacher = started(taught)
        torch.manual_seed(1)
        distill_step(state, teacher, *pictures(), ImitationWeights(**weights | changes))
        return torch.cat([p.detach().flatten() for p in state.networks.gen_ab.parameters()])

    assert not torch.equal(after(), after(**{kind: 10.0}))


def test_a_doctor_watches_students_too(taught, monkeypatch):
    monkeypatch.setattr(Doctor, "EVERY", 4)
    fresh = {"steps": 12, "preset": "tiny", "schedule": Schedule(learning_rate=10.0)}

    with pytest.raises(TrainingFailed, match="because of flat "):
        train(change(taught, **fresh, on_failure="stop"))

    [finding, *_] = (taught.run / "findings.jsonl").read_text().splitlines()
    assert json.loads(finding)["kind"] == "flat"


def test_the_teacher_stays_what_it_is(taught):
    state, teacher = started(taught)
    images = pictures()
    before = [stages.images.clone() for stages in teacher.show(*images)]

    distill_step(state, teacher, *images, taught.imitation)

    assert all(
        torch.equal(one, other.images)
        for one, other in zip(before, teacher.show(*images), strict=True)
    )


def test_a_teacher_with_noise_shows_the_same_again():
    noisy = Networks(NetworksConfig(generator=GeneratorConfig(width=2, blocks=0, noise=0.5)))
    checkpoint = Checkpoint(
        noisy.config, noisy.state_dict(), ("a", "b"), TrainingFacts(origin="here"), {}
    )
    teacher, images = Teacher(Trained.of_checkpoint(checkpoint), CPU), pictures()

    first, second = teacher.show(*images), teacher.show(*images)

    assert torch.equal(first[0].images, second[0].images)
    assert not first[0].images.requires_grad


def test_students_look_where_the_teacher_looks_and_no_number_of_channels_matters():
    stages = Generator(GeneratorConfig(width=2, blocks=0)).stages(pictures()[0])

    def spots(channels, place, strength):
        features = torch.zeros(1, channels, 2, 2)
        features.view(1, channels, 4)[:, :, place] = strength
        return stages._replace(encoded=features, transformed=features)

    assert _inattention(spots(2, 0, 1.0), spots(8, 0, 5.0)) == pytest.approx(0, abs=1e-6)
    assert _inattention(spots(2, 0, 1.0), spots(8, 3, 1.0)) == pytest.approx(2)
    half = spots(2, 0, 1.0)._replace(encoded=spots(2, 1, 1.0).encoded)
    assert _inattention(half, spots(2, 0, 1.0)) == pytest.approx(1)


def test_discriminators_begin_with_what_the_teachers_know(taught):
    state, _ = started(taught)
    theirs = Checkpoint.load(taught.teacher / "latest.pt").networks()

    assert same(state.networks.disc_a, theirs.disc_a)
    assert same(state.networks.disc_b, theirs.disc_b)


def test_discriminators_of_the_run_that_students_begin_with_come_before_the_teachers(
    taught, tiny_settings, tmp_path
):
    former = change(tiny_settings, run=tmp_path / "former", steps=1, seed=9)
    train(former)
    theirs = Checkpoint.load(former.run / "latest.pt").networks()
    assert main(["export", "--run", str(former.run), "--out", str(tmp_path / "model")]) == 0
    like_former = change(taught, networks=former.networks)

    of_run, _ = started(change(like_former, start_from=former.run))
    of_model, _ = started(change(like_former, start_from=tmp_path / "model"))

    assert same(of_run.networks.disc_a, theirs.disc_a)
    assert same(of_model.networks.gen_ab, theirs.gen_ab)
    taughts = Checkpoint.load(taught.teacher / "latest.pt").networks()
    assert same(of_model.networks.disc_a, taughts.disc_a)


def test_discriminators_of_a_run_that_played_for_something_else_leave_it_to_the_teachers(
    taught, tiny_settings, tmp_path
):
    former = change(tiny_settings, run=tmp_path / "former", steps=1, objective="hinge")
    train(former)
    taughts = Checkpoint.load(taught.teacher / "latest.pt").networks()

    state, _ = started(change(taught, networks=former.networks, start_from=former.run))

    assert same(state.networks.disc_a, taughts.disc_a)


@types_unchecked()
def test_going_back_to_the_start_is_to_the_teachers_discriminators(taught, monkeypatch):
    monkeypatch.setattr(Doctor, "EVERY", 4)
    begun = []
    around = TrainState.around

    def watched(networks, *rest):
        begun.append(first_of(networks.disc_a).clone())
        return around(networks, *rest)

    monkeypatch.setattr(TrainState, "around", watched)
    fresh = {"steps": 12, "preset": "tiny", "schedule": Schedule(learning_rate=10.0)}

    with pytest.raises(TrainingFailed, match="after going back 3 times"):
        train(change(taught, **fresh, on_failure="rollback"))

    assert len(begun) == 4
    assert all(torch.equal(weights, begun[0]) for weights in begun)
    theirs = Checkpoint.load(taught.teacher / "latest.pt").networks()
    assert torch.equal(begun[0], first_of(theirs.disc_a))


def first_of(network: nn.Module) -> nn.Parameter:
    return next(network.parameters())


def test_discriminators_of_another_shape_begin_new(taught):
    judge = taught.networks.discriminator.model_copy(update={"width": 6})
    networks = taught.networks.model_copy(update={"discriminator": judge})

    state, _ = started(taught.model_copy(update={"networks": networks}))

    assert state.networks.disc_a.config.width == 6


def test_discriminators_that_play_for_something_else_begin_new(taught):
    drawn = TrainState.start(taught, CPU).networks

    state, _ = started(taught.model_copy(update={"objective": "hinge"}))

    assert same(state.networks.disc_a, drawn.disc_a)
    assert same(state.networks.disc_b, drawn.disc_b)


def test_an_exported_model_shows_what_its_run_shows_and_has_no_discriminators_to_lend(
    taught, tmp_path
):
    _, of_run = started(taught)
    assert main(["export", "--run", str(taught.teacher), "--out", str(tmp_path / "model")]) == 0

    state, of_model = started(taught.model_copy(update={"teacher": tmp_path / "model"}))

    images = pictures()
    for one, other in zip(of_run.show(*images), of_model.show(*images), strict=True):
        assert torch.equal(one.images, other.images)
    drawn = TrainState.start(taught, CPU).networks
    assert same(state.networks.disc_a, drawn.disc_a)


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_distillation_continues_to_the_bit(taught):
    train(taught)
    halves = taught.model_copy(update={"run": taught.run.with_name("halves")})
    train(halves.model_copy(update={"steps": 5}))
    train(halves)

    one, other = (Checkpoint.load(each.run / "latest.pt") for each in (taught, halves))
    assert one.facts.steps == other.facts.steps == 12
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert '"pixels_ab"' in (taught.run / "log.jsonl").read_text()


def test_the_card_says_that_there_was_a_teacher_and_names_no_path_of_it(taught):
    train(taught)

    facts = Checkpoint.load(taught.run / "latest.pt").facts
    assert facts.origin == "distilled from another model with this project"
    assert "teacher" not in facts.settings


def test_a_training_is_not_continued_as_a_distillation_nor_the_other_way(taught, tiny_settings):
    steady = tiny_settings.stabilisers.model_copy(update={"average": 0.5})
    alike = {"networks": tiny_settings.networks, "stabilisers": steady}
    with pytest.raises(UsageError, match=r"--imitation\.pixels was none, now 10"):
        train(taught.model_copy(update={"run": tiny_settings.run, **alike}))
    train(taught)
    as_training = tiny_settings.model_copy(update={"run": taught.run, "networks": taught.networks})
    with pytest.raises(UsageError, match=r"--imitation\.pixels was 10.*, now none"):
        train(as_training)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--teacher", "nowhere"], r"nowhere does not exist; expected the --run of"),
        (["--teacher", "."], r"--teacher \. holds neither latest\.pt nor a2b\.onnx; expected"),
        ([], "--teacher is missing"),
    ],
)
def test_a_wrong_command_is_answered_with_a_sentence(tiny_settings, words, message, capsys):
    flags = ["--data", str(tiny_settings.data), "--run", str(tiny_settings.run), *words]

    assert main(["distill", *flags]) == 2

    assert re.search(message, capsys.readouterr().err)


def test_a_teacher_of_other_domains_is_refused(taught):
    with pytest.raises(UsageError, match="translates between summer and winter; give --names su"):
        train(taught.model_copy(update={"names": ("photo", "painting")}))


def test_domains_are_called_as_by_the_teacher_and_not_as_in_what_the_student_begins_with(taught):
    words = ["--run", "student", "--data", "data", "--start-from", "models/monet"]

    assert read_settings([*words, "--teacher", str(taught.teacher)]).names == ("summer", "winter")


def test_a_run_goes_on_with_its_own_teacher_alone_wherever_that_is(taught, tiny_settings, tmp_path):
    train(change(taught, steps=1))
    moved = taught.teacher.rename(tmp_path / "moved")
    assert train(change(taught, teacher=moved, steps=2)).step == 2

    other = change(tiny_settings, run=tmp_path / "other", steps=1)
    train(other)
    with pytest.raises(UsageError, match="student was begun with another teacher; give the former"):
        train(change(taught, teacher=other.run, steps=3))


def test_a_damaged_teacher_is_refused_before_a_folder_is_made(taught):
    (taught.teacher / "latest.pt").write_bytes(b"no checkpoint")

    with pytest.raises(CheckpointError):
        train(taught)

    assert not taught.run.exists()


def test_students_are_compact_unless_told_otherwise():
    words = ["--run", "student", "--teacher", "run", "--data", "data"]

    assert read_settings(words).networks.generator.block == "separable"
    assert read_settings([*words, "--preset", "tiny"]).networks.generator.width == 16
