import pytest
import torch

from cyclegan.objectives import discriminator_loss, generator_loss, l1_loss


def scores(*values):
    return torch.tensor(values).reshape(1, 1, 1, -1)


def test_a_generator_pays_the_squared_distance_of_its_scores_to_one():
    # (0.5 - 1)² = 0.25 and (3 - 1)² = 4
    assert generator_loss(scores(0.5, 3.0)).item() == pytest.approx((0.25 + 4) / 2)


def test_a_discriminator_pays_half_of_what_real_lacks_to_one_and_fake_has_over_zero():
    # real: (0.5 - 1)² = 0.25; fake: mean of 0.2² and 0.4² = 0.1
    loss = discriminator_loss(scores(0.5, 0.5), scores(0.2, 0.4))

    assert loss.item() == pytest.approx(0.5 * (0.25 + 0.1))


def test_a_perfect_discriminator_pays_nothing():
    assert discriminator_loss(scores(1.0), scores(0.0)).item() == 0


def test_l1_is_the_mean_absolute_difference():
    images = torch.tensor([0.0, 1.0, -1.0]).reshape(1, 3, 1, 1)
    target = torch.tensor([0.5, 1.0, 1.0]).reshape(1, 3, 1, 1)

    assert l1_loss(images, target).item() == pytest.approx((0.5 + 0 + 2) / 3)
