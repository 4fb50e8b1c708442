from typing import get_args

import pytest
import torch
from torch import nn

from cyclegan.adversary import (
    EnergyAdversary,
    Objective,
    PenaltyAdversary,
    choose_adversary,
    judged,
)
from cyclegan.discriminator import AutoencoderDiscriminator, DiscriminatorConfig, discriminator
from cyclegan.errors import UsageError
from cyclegan.objectives import hinge_discriminator
from training import loop
from training.settings import LossWeights, TrainSettings
from training.stabilisers import LabelDraw
from training.state import TrainState
from training.step import train_step
from training.train_command import read_settings

CPU = torch.device("cpu")
OBJECTIVES = get_args(Objective)


class Judge(nn.Module):
    """A score in proportion to the first channel."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images):
        return images[:, :1] * self.factor


def images(value):
    return torch.full((2, 3, 2, 2), value)


def adversary(objective):
    return choose_adversary(objective, LabelDraw("hard", 0), penalty=10.0, margin=1.0, pull=0.0)


def settings_of(objective, tmp_path, *flags):
    """As `cyclegan train --objective` reads them, for networks that take milliseconds."""
    words = (
        f"--data {tmp_path}/data --run {tmp_path}/run --objective {objective} --crop 16 "
        "--load-size 20 --history 2 --device cpu --precision fp32 --log-every 3 "
        "--sample-every 100 "
        "--checkpoint-every 4 --schedule.constant-epochs 4 --schedule.decay-epochs 4 "
        "--networks.generator.width 4 --networks.generator.blocks 1 "
        "--networks.discriminator.width 4 --networks.discriminator.layers 2"
    )
    return read_settings([*words.split(), *flags])


@pytest.mark.parametrize(
    ("objective", "generator", "discriminator"),
    [
        # scores: fake 2·0.25 = 0.5, real 2·1 = 2
        ("lsgan", 0.25, 1.0 + 0.25),
        ("wgan", -0.5, 0.5 - 2),
        ("hinge", -0.5, 0 + 1.5),
        ("minimax", -0.974077, 0.126928 + 0.974077),
        ("non_saturating", 0.474077, 0.126928 + 0.974077),
    ],
)
def test_an_objective_names_both_of_its_sides(objective, generator, discriminator):
    judge, real, fake = Judge(2.0), images(1.0), images(0.25)
    chosen = adversary(objective)

    assert chosen.generator_loss(judge, fake).item() == pytest.approx(generator, rel=1e-5)
    loss = chosen.discriminator_loss(judge, real, fake)
    assert loss.item() == pytest.approx(discriminator, rel=1e-5)


def gradients(loss, judge):
    return torch.autograd.grad(loss, [each for each in judge.parameters() if each.requires_grad])


@pytest.mark.parametrize("norm", ["instance", "none", "batch"])
def test_real_and_fake_images_are_judged_as_if_each_were_alone(norm):
    torch.manual_seed(0)
    judge = discriminator(DiscriminatorConfig(width=8, norm=norm))
    real, fake = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64) - 1

    of_real, of_fake = judged(judge, real, fake)

    tolerance = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(of_real, judge(real), **tolerance)
    torch.testing.assert_close(of_fake, judge(fake), **tolerance)
    together = gradients(hinge_discriminator(of_real, of_fake), judge)
    apart = gradients(hinge_discriminator(judge(real), judge(fake)), judge)
    torch.testing.assert_close(together, apart, **tolerance)


def test_one_pass_judges_both_where_no_norm_mixes_them():
    passes = []
    judge = Judge(2.0)
    judge.register_forward_hook(lambda _judge, images, _scores: passes.append(len(images[0])))

    adversary("lsgan").discriminator_loss(judge, images(1.0), images(0.25))

    assert passes == [4]


def test_the_penalty_is_added_with_its_weight():
    # A mean over 4 patches has the slope 2/4 in 4 of 12 places, so the norm is 1.
    judge = Judge(4.0)

    loss = PenaltyAdversary(10.0).discriminator_loss(judge, images(1.0), images(0.25))

    assert loss.item() == pytest.approx((1 - 4) + 10 * (2 - 1) ** 2, rel=1e-5)


def test_energy_is_what_the_autoencoder_cannot_restore():
    judge = AutoencoderDiscriminator(DiscriminatorConfig(kind="autoencoder", width=2, layers=2))
    for weights in judge.parameters():
        nn.init.zeros_(weights)  # restores gray: 0 everywhere

    energy = EnergyAdversary(margin=0.5, pull=0).discriminator_loss(
        judge, torch.full((1, 3, 8, 8), 0.4), torch.full((1, 3, 8, 8), 0.6)
    )

    assert energy.item() == pytest.approx(0.4**2 + (0.5 - 0.6**2))


def test_pulling_away_is_added_with_its_weight():
    judge = AutoencoderDiscriminator(DiscriminatorConfig(kind="autoencoder", width=2, layers=2))
    same = torch.rand(1, 3, 8, 8).expand(2, 3, 8, 8)

    without, with_it = (
        EnergyAdversary(1.0, pull).generator_loss(judge, same).item() for pull in (0.0, 0.1)
    )

    assert with_it - without == pytest.approx(0.1)  # codes of the same image have the cosine 1


@pytest.fixture
def data(tmp_path, tiny_settings):
    return tmp_path  # tiny_settings has drawn pictures there


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_and_continues_exactly(objective, data, monkeypatch):
    settings = settings_of(objective, data)
    whole = loop.train(settings.model_copy(update={"run": data / "whole"}))
    assert all(weights.isfinite().all() for weights in whole.networks.parameters())

    halfway = whole.step // 2
    loop.train(settings.model_copy(update={"steps": halfway}))
    continued = loop.train(settings)

    assert continued.step == whole.step > 2
    expected = whole.networks.state_dict()
    for name, weights in continued.networks.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=0, atol=0, msg=name)


def test_wgans_critics_learn_five_times_for_each_update_of_the_generators(data):
    settings = settings_of("wgan", data, "--history", "0")
    state = TrainState.start(settings, CPU)
    calls = {"gen": 0, "disc": 0}
    state.optim_gen.register_step_post_hook(lambda *_: calls.update(gen=calls["gen"] + 1))
    state.optim_disc.register_step_post_hook(lambda *_: calls.update(disc=calls["disc"] + 1))
    real = torch.rand(settings.pictures_per_step, 3, 16, 16)

    train_step(state, real, real, LossWeights())

    assert calls == {"gen": 1, "disc": 5}
    assert state.optim_gen.__class__ is state.optim_disc.__class__ is torch.optim.RMSprop


def test_wgans_critics_see_each_picture_once(data):
    settings = settings_of("wgan", data, "--history", "0", "--batch", "2")
    state = TrainState.start(settings, CPU)
    seen = []
    state.adversary = Watching(state.adversary, seen)
    real = torch.rand(10, 3, 16, 16)

    train_step(state, real, -real, LossWeights())

    torch.testing.assert_close(torch.cat(seen[::2]), real)  # of A
    torch.testing.assert_close(torch.cat(seen[1::2]), -real)


class Watching:
    """Notes the real images that a discriminator is shown."""

    def __init__(self, adversary, seen):
        self.adversary, self.seen = adversary, seen

    def generator_loss(self, judge, fake):
        return self.adversary.generator_loss(judge, fake)

    def discriminator_loss(self, judge, real, fake):
        self.seen.append(real)
        return self.adversary.discriminator_loss(judge, real, fake)


def test_wgans_critics_keep_their_weights_small(data):
    settings = settings_of("wgan", data, "--schedule.learning-rate", "1")
    state = loop.train(settings.model_copy(update={"steps": 1}))

    for judge in (state.networks.disc_a, state.networks.disc_b):
        assert max(weights.abs().max().item() for weights in judge.parameters()) <= 0.0101
    assert max(w.abs().max().item() for w in state.networks.gen_ab.parameters()) > 0.02


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--objective ebgan --networks.discriminator.kind patch", "ebgan needs the autoencoder"),
        ("--networks.discriminator.kind autoencoder", "the others the patch kind"),
        ("--objective wgan --judging.clip null", "its paper takes 0.01"),
        ("--objective wgan_gp --networks.discriminator.norm batch", "the penalty is of each"),
        ("--objective ebgan --judging.pull 0.1", "give --batch 2 or more"),
        ("--objective ebgan --networks.discriminator.layers 6 --crop 320 --load-size 320", None),
        ("--objective ebgan --crop 260", "a multiple of 8"),
        ("--objective nonsense", "--objective is 'nonsense'"),
    ],
)
def test_what_an_objective_cannot_do_is_said_in_one_line(flags, message):
    words = ["--run", "unused", *flags.split()]
    if message is None:
        assert isinstance(read_settings(words), TrainSettings)
        return
    with pytest.raises(UsageError, match=message) as caught:
        read_settings(words)
    assert "\n" not in str(caught.value)


def test_the_users_flags_win_over_those_of_the_objective():
    words = "--run unused --objective wgan --judging.updates 2 --schedule.learning-rate 1e-3"

    settings = read_settings(words.split())

    assert (settings.judging.updates, settings.schedule.learning_rate) == (2, 1e-3)
    assert settings.optimizers.generators == "rmsprop"
