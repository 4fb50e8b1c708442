"""The penalty on colours so far out that tanh is flat there."""

import pytest
import torch
from conftest import change

from cyclegan.generator import Generator, GeneratorConfig
from training.loop import train
from training.saturation import LIMIT, SaturationPenalty, excess
from training.state import TrainState
from training.step import train_step

CPU = torch.device("cpu")


def with_saturation(settings, weight):
    steady = settings.stabilisers.model_copy(update={"saturation": weight})
    return change(settings, stabilisers=steady)


def painting(generator, colour):
    """Let a generator give `colour` to tanh everywhere."""
    with torch.no_grad():
        generator.decode[-1].weight.zero_()
        generator.decode[-1].bias.fill_(colour)
    return generator


@pytest.fixture
def generators():
    config = GeneratorConfig(width=4, blocks=1)
    return torch.nn.ModuleList(
        (painting(Generator(config), LIMIT + 3), painting(Generator(config), -(LIMIT + 1)))
    )


IMAGE = torch.zeros(1, 3, 16, 16)


def test_only_what_exceeds_the_limit_counts_and_by_its_square():
    colours = torch.tensor([LIMIT + 3, -(LIMIT + 1), LIMIT, 1 - LIMIT, 0.0, 0.0]).view(1, 3, 1, 2)

    assert excess(colours).item() == pytest.approx((3**2 + 1**2) / 6)


def test_the_penalty_is_that_of_all_passes_and_then_begins_anew(generators):
    penalty = SaturationPenalty(2.0, generators)

    for generator in (*generators, generators[0]):
        generator(IMAGE)

    assert penalty.of_passes().detach() == pytest.approx(2 * (3**2 + 1**2 + 3**2))
    assert penalty.of_passes() == 0


def test_what_nobody_learns_from_costs_nothing(generators):
    penalty = SaturationPenalty(2.0, generators)

    with torch.no_grad():
        generators[0](IMAGE)

    assert penalty.of_passes() == 0


def test_it_reaches_what_no_other_loss_does(generators):
    generator = painting(generators[0], 20.0)
    penalty = SaturationPenalty(1.0, generators)
    bias = generator.decode[-1].bias

    [by_images] = torch.autograd.grad((generator(IMAGE) + 1).abs().mean(), bias)
    penalty.of_passes()
    generator(IMAGE)
    [by_penalty] = torch.autograd.grad(penalty.of_passes(), bias)

    assert by_images.abs().max() == 0  # black was wanted where white is
    assert by_penalty == pytest.approx([2 * (20 - LIMIT) / 3] * 3)


@pytest.mark.parametrize("recompute", [False, True])
def test_a_step_adds_it_to_what_the_generators_descend_along(tiny_settings, recompute):
    def gradient(weight):
        settings = change(with_saturation(tiny_settings, weight), recompute_activations=recompute)
        state = TrainState.start(settings, CPU)
        state.set_learning_rate(0.0, 0.0)
        painting(state.networks.gen_ab, LIMIT + 1)
        for _ in range(2):  # nothing of a step is left for the next
            losses = train_step(state, IMAGE, IMAGE, settings.weights)
        return state.networks.gen_ab.decode[-1].bias.grad, torch.stack(losses)

    with_none, losses = gradient(0.0)
    with_one, losses_with_one = gradient(1.0)

    assert torch.equal(losses, losses_with_one)  # it is not among what is told
    # Three passes: the fake, the way back, and the identity. Behind a flat picture a norm divides
    # by next to nothing, which is why rounding shows.
    paid = (with_one - with_none).tolist()
    assert paid == pytest.approx([3 * 2 / 3] * 3, abs=0.05)


def test_parts_of_a_batch_pay_as_much_as_the_whole(tiny_settings):
    def gradient(parts):
        settings = change(with_saturation(tiny_settings, 5.0), batch=2, accumulate=parts)
        state = TrainState.start(settings, CPU)
        painting(state.networks.gen_ba, -LIMIT - 2)
        train_step(state, *torch.rand(2, 2, 3, 16, 16).unbind(), settings.weights)
        return state.networks.gen_ba.decode[-1].bias.grad

    torch.manual_seed(1)
    in_parts = gradient(2)
    torch.manual_seed(1)
    torch.testing.assert_close(in_parts, gradient(1), rtol=0.01, atol=0)


def test_a_run_with_it_continues_exactly(tiny_settings):
    settings = with_saturation(tiny_settings, 1.0)
    whole = train(change(settings, run=settings.run.with_name("whole")))
    train(change(settings, steps=4))

    continued = train(settings)

    for mine, theirs in zip(
        continued.networks.parameters(), whole.networks.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)
