"""What the papers prove, on distributions of which everything is known."""

import numpy as np
import pytest
import torch
from torch import nn

from cyclegan import objectives
from cyclegan.adversary import PenaltyAdversary

# How often each of four outcomes comes among ten real ones, and among ten fakes.
REAL, FAKE = np.array([1, 2, 3, 4]), np.array([4, 3, 2, 1])


ONE, ZERO = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)


def minimax(real, fake):
    return objectives.minimax_discriminator(real, fake, ONE, ZERO)


def lsgan(real, fake):
    return objectives.lsgan_discriminator(real, fake, ONE, ZERO)


def best_scores(discriminator, real=REAL, fake=FAKE):
    """A score for each outcome, trained against a generator that stays as it is."""
    scores = torch.zeros(len(real), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=200, tolerance_grad=1e-10)

    def closure():
        optimizer.zero_grad()
        loss = discriminator(drawn(scores, real), drawn(scores, fake))
        loss.backward()
        return loss

    optimizer.step(closure)
    return scores.detach()


def drawn(scores, counts):
    """The scores of a sample that has each outcome as often as it should."""
    return scores.repeat_interleave(torch.tensor(counts)).reshape(1, 1, 1, -1)


def value(discriminator, real=REAL, fake=FAKE):
    scores = best_scores(discriminator, real, fake)
    return -discriminator(drawn(scores, real), drawn(scores, fake)).item()


def jensen_shannon(p, q):
    def kullback_leibler(one, other):
        return sum(a * np.log(a / b) for a, b in zip(one, other, strict=True))

    middle = (p + q) / 2
    return (kullback_leibler(p, middle) + kullback_leibler(q, middle)) / 2


def test_the_best_discriminator_is_the_share_of_the_real():
    """Goodfellow et al. 2014, proposition 1."""
    best = best_scores(minimax).sigmoid()

    np.testing.assert_allclose(best, REAL / (REAL + FAKE), atol=1e-4)


def test_the_best_least_squares_discriminator_is_the_share_of_the_real_too():
    """Mao et al. 2017, equation 5 with a = 0 and b = 1."""
    best = best_scores(lsgan)

    np.testing.assert_allclose(best, REAL / (REAL + FAKE), atol=1e-4)


def test_a_generator_that_cannot_be_told_has_the_value_minus_log_four():
    """Goodfellow et al. 2014, theorem 1."""
    assert value(minimax, REAL, REAL) == pytest.approx(-np.log(4))


def test_elsewhere_the_value_is_higher_by_twice_the_jensen_shannon_divergence():
    """Goodfellow et al. 2014, equation 6."""
    expected = -np.log(4) + 2 * jensen_shannon(REAL / 10, FAKE / 10)

    assert value(minimax) == pytest.approx(expected, abs=1e-6)


def test_hinge_separates_what_never_meets():
    """Lim and Ye 2017: beyond the margins nothing is paid."""
    real, fake = np.array([5, 5, 0, 0]), np.array([0, 0, 5, 5])

    best = best_scores(objectives.hinge_discriminator, real, fake)

    assert (best[:2] >= 1 - 1e-6).all()
    assert (best[2:] <= -1 + 1e-6).all()


def slope(generator, score):
    """Of the loss, at a fake with this score."""
    fake = torch.full((1, 1, 1, 1), score, requires_grad=True)
    generator(fake).backward()
    return fake.grad.item()


def test_where_the_discriminator_is_sure_the_saturating_gradient_vanishes_and_the_other_does_not():
    """Goodfellow et al. 2014, section 3."""
    assert abs(slope(objectives.minimax_generator, -20.0)) < 1e-8
    assert slope(objectives.non_saturating_generator, -20.0) == pytest.approx(-1)


def test_least_squares_still_pulls_at_fakes_far_on_the_right_side():
    """Mao et al. 2017, figure 2: there the logarithm has no gradient left."""
    assert slope(objectives.lsgan_generator, 20.0) == pytest.approx(2 * (20 - 1))
    assert abs(slope(objectives.non_saturating_generator, 20.0)) < 1e-8


def test_a_critic_with_penalty_estimates_the_earth_movers_distance():
    """Arjovsky et al. 2017, equation 2: moving everything by v costs the length of v.

    The best critic's slope under a penalty of weight λ is 1 + d / 2λ, here 1.0025.
    """
    rng = torch.Generator().manual_seed(0)
    move = torch.tensor([0.3, 0.0, -0.4]).reshape(1, 3, 1, 1)  # of length 0.5
    critic = nn.Sequential(
        nn.Flatten(), nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 1), nn.Unflatten(1, (1, 1, 1))
    )
    adversary = PenaltyAdversary(weight=100.0)
    optimizer = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(800):
        real, other = (0.1 * torch.randn(64, 3, 1, 1, generator=rng) for _ in range(2))
        optimizer.zero_grad()
        adversary.discriminator_loss(critic, real, other + move).backward()
        optimizer.step()

    real = 0.1 * torch.randn(4096, 3, 1, 1, generator=rng)
    estimate = -objectives.wasserstein_critic(critic(real), critic(real + move))

    assert estimate.item() == pytest.approx(0.5, rel=0.04)
