import pytest
import torch
from torch import nn

from training.loss_weights import LossWeights
from training.state import TrainState
from training.step import frozen, train_step

CPU = torch.device("cpu")


class Scale(nn.Module):
    """Stands for a generator: multiplies by one number, which can be checked by hand."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images):
        return images * self.factor


class Judge(Scale):
    """Stands for a discriminator: a score in proportion to the first channel."""

    def forward(self, images):
        return images[:, :1] * self.factor


@pytest.fixture
def scales(tiny_settings):
    state = TrainState.start(tiny_settings, CPU)
    nets = state.networks
    nets.gen_ab, nets.gen_ba = Scale(0.5), Scale(3.0)
    nets.disc_a, nets.disc_b = Judge(2.0), Judge(1.0)
    return TrainState.around(nets, tiny_settings, CPU)


@pytest.fixture
def images():
    return torch.full((1, 3, 4, 4), 0.2), torch.full((1, 3, 4, 4), 0.4)


def test_the_losses_are_those_computed_by_hand(scales, images):
    losses = train_step(scales, *images, LossWeights())

    # fake_b = 0.5·0.2 = 0.1 and fake_a = 3·0.4 = 1.2
    assert losses.adversarial_ab.item() == pytest.approx((0.1 - 1) ** 2)
    assert losses.adversarial_ba.item() == pytest.approx((2.4 - 1) ** 2)
    assert losses.cycle_a.item() == pytest.approx(abs(3 * 0.1 - 0.2))
    assert losses.cycle_b.item() == pytest.approx(abs(0.5 * 1.2 - 0.4))
    assert losses.identity_a.item() == pytest.approx(abs(3 * 0.2 - 0.2))
    assert losses.identity_b.item() == pytest.approx(abs(0.5 * 0.4 - 0.4))
    assert losses.discriminator_a.item() == pytest.approx(0.5 * ((0.4 * 1 - 1) ** 2 + 2.4**2))
    assert losses.discriminator_b.item() == pytest.approx(0.5 * ((0.4 - 1) ** 2 + 0.1**2))


def test_the_generators_descend_along_the_gradient_computed_by_hand(scales, images):
    train_step(scales, *images, LossWeights())
    nets = scales.networks

    # With g = 0.5, h = 3, a = 0.2, b = 0.4 and D_B(x) = x:
    # d/dg [(ga - 1)² + 10 |hga - a| + 10 |ghb - b| + 5 |gb - b|]
    #    = 2a(ga - 1) + 10·ha + 10·hb - 5·b
    by_hand = 2 * 0.2 * (0.1 - 1) + 10 * 3 * 0.2 + 10 * 3 * 0.4 - 5 * 0.4
    assert nets.gen_ab.factor.grad.item() == pytest.approx(by_hand, rel=1e-5)


def test_discriminators_judge_what_was_made_before_the_generators_moved(scales, images):
    before = train_step(scales, *images, LossWeights())

    # Had fake_b been made anew, the generator's step of 2e-4 would show in the fifth digit.
    assert before.discriminator_b.item() == pytest.approx(0.5 * (0.6**2 + 0.1**2), rel=1e-6)


def test_every_weight_moves_in_a_step(tiny_settings):
    state = TrainState.start(tiny_settings, CPU)
    before = {name: p.clone() for name, p in state.networks.named_parameters()}

    train_step(state, torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), LossWeights())

    # A bias before instance norm has no gradient but rounding.
    weights = {n: p for n, p in state.networks.named_parameters() if n.endswith("weight")}
    assert all(not torch.equal(p, before[name]) for name, p in weights.items())
    assert state.step == 1


def test_the_generators_step_leaves_no_gradient_in_the_discriminators(scales):
    judge = scales.networks.disc_a
    with frozen(judge):
        assert not judge.factor.requires_grad
        loss = judge(torch.ones(1, 3, 2, 2, requires_grad=True)).mean()
        loss.backward()

    assert judge.factor.grad is None
    assert judge.factor.requires_grad


def test_without_identity_its_losses_are_zero_and_its_passes_saved(scales, images):
    calls = []
    scales.networks.gen_ab.register_forward_hook(lambda *_: calls.append(1))

    losses = train_step(scales, *images, LossWeights(identity=0))

    assert losses.identity_a.item() == losses.identity_b.item() == 0
    assert len(calls) == 2  # one translation, one way back


def test_losses_carry_no_graph(scales, images):
    assert not any(loss.requires_grad for loss in train_step(scales, *images, LossWeights()))


def test_old_images_reach_the_discriminators(scales):
    image = torch.full((1, 3, 4, 4), 0.2)
    scales.history_b.capacity = 1
    scales.history_b.exchange(torch.full((1, 3, 4, 4), 9.0))

    judged = [
        train_step(scales, image, image, LossWeights()).discriminator_b.item() for _ in range(12)
    ]

    assert max(judged) > 30  # ½·9² at least, when the old one came back
    assert min(judged) < 1
