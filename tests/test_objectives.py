from math import exp, log

import pytest
import torch
from torch import nn

from cyclegan import objectives
from cyclegan.objectives import gradient_penalty, l1_loss, pulling_away

GENERATORS = {
    "lsgan": objectives.lsgan_generator,
    "minimax": objectives.minimax_generator,
    "non_saturating": objectives.non_saturating_generator,
    "wasserstein and hinge": objectives.wasserstein_generator,
    "energy": objectives.energy_generator,
}
ONE, ZERO = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
DISCRIMINATORS = {
    "lsgan": lambda real, fake: objectives.lsgan_discriminator(real, fake, ONE, ZERO),
    "minimax": lambda real, fake: objectives.minimax_discriminator(real, fake, ONE, ZERO),
    "wasserstein": objectives.wasserstein_critic,
    "hinge": objectives.hinge_discriminator,
    "energy": lambda real, fake: objectives.energy_discriminator(real, fake, margin=1.0),
}


def scores(*values):
    return torch.tensor(values).reshape(1, 1, 1, -1)


def sigmoid(score):
    return 1 / (1 + exp(-score))


def test_l1_is_the_mean_absolute_difference():
    images = torch.tensor([0.0, 1.0, -1.0]).reshape(1, 3, 1, 1)
    target = torch.tensor([0.5, 1.0, 1.0]).reshape(1, 3, 1, 1)

    assert l1_loss(images, target).item() == pytest.approx((0.5 + 0 + 2) / 3)


@pytest.mark.parametrize(
    ("objective", "by_hand"),
    [
        ("lsgan", ((0.5 - 1) ** 2 + (3 - 1) ** 2) / 2),
        ("minimax", (log(1 - sigmoid(0.5)) + log(1 - sigmoid(3))) / 2),
        ("non_saturating", -(log(sigmoid(0.5)) + log(sigmoid(3))) / 2),
        ("wasserstein and hinge", -(0.5 + 3) / 2),
        ("energy", (0.5 + 3) / 2),
    ],
)
def test_a_generator_pays_what_its_equation_says(objective, by_hand):
    assert GENERATORS[objective](scores(0.5, 3.0)).item() == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("objective", "by_hand"),
    [
        ("lsgan", (0.5**2 + 1**2) / 2 + (0.2**2 + 1.4**2) / 2),
        (
            "minimax",
            -(log(sigmoid(0.5)) + log(sigmoid(2))) / 2
            - (log(1 - sigmoid(0.2)) + log(1 - sigmoid(-1.4))) / 2,
        ),
        ("wasserstein", (0.2 - 1.4) / 2 - (0.5 + 2) / 2),
        # max(0, 1 - 0.5), max(0, 1 - 2) = 0; max(0, 1 + 0.2), max(0, 1 - 1.4) = 0
        ("hinge", 0.5 / 2 + 1.2 / 2),
        # real energies as they are; max(0, 1 - 0.2) = 0.8 and max(0, 1 + 1.4) = 2.4
        ("energy", 2.5 / 2 + 3.2 / 2),
    ],
)
def test_a_discriminator_pays_what_its_equation_says(objective, by_hand):
    loss = DISCRIMINATORS[objective](scores(0.5, 2.0), scores(0.2, -1.4))

    assert loss.item() == pytest.approx(by_hand)


def test_smoothed_labels_are_what_the_scores_are_compared_with():
    real, fake = scores(0.5), scores(0.2)

    squares = objectives.lsgan_discriminator(real, fake, 0.9 * ONE, 0.3 * ONE)
    entropy = objectives.minimax_discriminator(real, fake, 0.9 * ONE, 0.3 * ONE)

    assert squares.item() == pytest.approx(0.4**2 + 0.1**2)
    d_real, d_fake = sigmoid(0.5), sigmoid(0.2)
    by_hand = -(0.9 * log(d_real) + 0.1 * log(1 - d_real))
    by_hand -= 0.3 * log(d_fake) + 0.7 * log(1 - d_fake)
    assert entropy.item() == pytest.approx(by_hand)


def test_a_label_over_one_does_not_make_the_cross_entropy_bottomless():
    loss = objectives.minimax_discriminator(scores(1e4), scores(-1e4), 1.2 * ONE, ZERO)

    assert loss.item() == pytest.approx(0)


def test_an_energy_over_the_margin_costs_the_discriminator_nothing():
    assert objectives.energy_discriminator(scores(0.0), scores(1.5), margin=1.0).item() == 0


@pytest.mark.parametrize("score", [-1e4, -100.0, 0.0, 100.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_score_makes_a_loss_or_its_gradient_infinite(score, dtype):
    for generator in GENERATORS.values():
        fake = scores(score).to(dtype).requires_grad_()
        loss = generator(fake)
        loss.backward()
        assert loss.isfinite()
        assert fake.grad.isfinite().all()
    for discriminator in DISCRIMINATORS.values():
        real, fake = (scores(s).to(dtype).requires_grad_() for s in (score, -score))
        loss = discriminator(real, fake)
        loss.backward()
        assert loss.isfinite()
        assert real.grad.isfinite().all()
        assert fake.grad.isfinite().all()


class Slope(nn.Module):
    """A critic whose slope is known: f(x) = factor · sum of x, as the mean of two patches."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images):
        value = self.factor * images.sum(dim=(1, 2, 3))
        return torch.stack([value - 1, value + 1], dim=1).reshape(-1, 1, 1, 2)


def test_the_penalty_is_the_squared_distance_of_the_slope_to_one():
    # ∇f is the factor in each of 12 places, so its norm is 0.5·√12.
    real, fake = torch.rand(2, 3, 2, 2), torch.rand(2, 3, 2, 2)

    penalty = gradient_penalty(Slope(0.5), real, fake)

    assert penalty.item() == pytest.approx((0.5 * 12**0.5 - 1) ** 2, rel=1e-5)


def test_the_penalty_moves_the_critic():
    critic = Slope(0.5)

    gradient_penalty(critic, torch.rand(1, 3, 2, 2), torch.rand(1, 3, 2, 2)).backward()

    # d/df (f·√12 - 1)² = 2·√12·(f·√12 - 1)
    root = 12**0.5
    assert critic.factor.grad.item() == pytest.approx(2 * root * (0.5 * root - 1), rel=1e-5)


class Recorder(nn.Module):
    """Keeps what it is shown."""

    def forward(self, images):
        self.seen = images.detach()
        return images.mean(dim=(1, 2, 3), keepdim=True)


def test_the_penalty_looks_between_real_and_fake_at_another_place_for_each_image():
    critic = Recorder()

    gradient_penalty(critic, torch.zeros(64, 3, 2, 2), torch.ones(64, 3, 2, 2))

    places = critic.seen.flatten(1)
    assert (places == places[:, :1]).all()
    assert 0 <= places.min() < 0.2
    assert 0.8 < places.max() <= 1


def test_codes_pull_away_by_their_squared_cosines():
    # cosines: (1,0)·(1,1)/√2 = 0.707, (1,0)·(0,2)/2 = 0, (1,1)·(0,2)/(√2·2) = 0.707
    codes = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]).reshape(3, 2, 1, 1)

    assert pulling_away(codes).item() == pytest.approx(2 * (0.5 + 0 + 0.5) / 6)


def test_a_single_image_has_nothing_to_pull_away_from():
    with pytest.raises(ValueError, match="the batch has 1, expected 2"):
        pulling_away(torch.ones(1, 2, 1, 1))
