"""The penalties on colours so far out that tanh is flat there, and on spikes among features."""

import pytest
import torch
from conftest import change

from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.norm import InstanceNorm
from training.excess import MOST_COLOUR, MOST_FEATURE, ExcessPenalty, excess
from training.loop import train
from training.state import TrainState
from training.step import train_step

CPU = torch.device("cpu")


def steadied(settings, **weights):
    return change(settings, stabilisers=settings.stabilisers.model_copy(update=weights))


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
        (
            painting(Generator(config), MOST_COLOUR + 3),
            painting(Generator(config), -(MOST_COLOUR + 1)),
        )
    )


IMAGE = torch.zeros(1, 3, 16, 16)


def test_only_what_exceeds_the_limit_counts_and_by_its_square():
    values = torch.tensor([2.0 + 3, -(2.0 + 1), 2.0, 1 - 2.0, 0.0, 0.0]).view(1, 3, 1, 2)

    assert excess(values, 2.0).item() == pytest.approx((3**2 + 1**2) / 6)


def test_the_penalty_is_that_of_all_passes_and_then_begins_anew(generators):
    penalty = ExcessPenalty(2.0, 0.0, generators)

    for generator in (*generators, generators[0]):
        generator(IMAGE)

    assert penalty.of_passes().detach() == pytest.approx(2 * (3**2 + 1**2 + 3**2))
    assert penalty.of_passes() == 0


def test_what_nobody_learns_from_costs_nothing(generators):
    penalty = ExcessPenalty(2.0, 0.0, generators)

    with torch.no_grad():
        generators[0](IMAGE)

    assert penalty.of_passes() == 0


def test_it_reaches_what_no_other_loss_does(generators):
    generator = painting(generators[0], 20.0)
    penalty = ExcessPenalty(1.0, 0.0, generators)
    bias = generator.decode[-1].bias

    [by_images] = torch.autograd.grad((generator(IMAGE) + 1).abs().mean(), bias)
    penalty.of_passes()
    generator(IMAGE)
    [by_penalty] = torch.autograd.grad(penalty.of_passes(), bias)

    assert by_images.abs().max() == 0  # black was wanted where white is
    assert by_penalty == pytest.approx([2 * (20 - MOST_COLOUR) / 3] * 3)


@pytest.mark.parametrize("recompute", [False, True])
def test_a_step_adds_it_to_what_the_generators_descend_along(tiny_settings, recompute):
    def gradient(weight):
        settings = change(
            steadied(tiny_settings, saturation=weight), recompute_activations=recompute
        )
        state = TrainState.start(settings, CPU)
        state.set_learning_rate(0.0, 0.0)
        painting(state.networks.gen_ab, MOST_COLOUR + 1)
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
        settings = change(steadied(tiny_settings, saturation=5.0), batch=2, accumulate=parts)
        state = TrainState.start(settings, CPU)
        painting(state.networks.gen_ba, -MOST_COLOUR - 2)
        train_step(state, *torch.rand(2, 2, 3, 16, 16).unbind(), settings.weights)
        return state.networks.gen_ba.decode[-1].bias.grad

    torch.manual_seed(1)
    in_parts = gradient(2)
    torch.manual_seed(1)
    torch.testing.assert_close(in_parts, gradient(1), rtol=0.01, atol=0)


def spike_of(deviations, channels):
    """Noise in which one place of each channel is so far out, by the deviation with it."""
    features = torch.randn(1, channels, 64, 64)
    # With a spike s the deviation is the root of 1 + s² / 64².
    features[..., 3, 5] = deviations / (1 - (deviations / 64) ** 2) ** 0.5
    return features


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_features_pay_where_they_are_enlarged_for_more_than_they_may_deviate(precision):
    generator = Generator(GeneratorConfig(width=4, blocks=1)).to(precision)
    penalty = ExcessPenalty(0.0, 3.0, torch.nn.ModuleList([generator]))
    norms = [each for each in generator.decode.modules() if isinstance(each, InstanceNorm)]
    assert len(norms) == 2

    for norm in (*norms, generator.encode[0][1]):  # which costs nothing in the encoder
        norm(spike_of(MOST_FEATURE + 2, norm.num_features).to(precision))

    paid = penalty.of_passes()
    assert paid.dtype == torch.float32
    assert paid == pytest.approx(3 * 2 * 2**2 / 64**2, rel=0.1)
    assert penalty.of_passes() == 0


def test_features_within_their_limit_cost_nothing():
    generators = torch.nn.ModuleList([Generator(GeneratorConfig(width=4, blocks=1))])
    penalty = ExcessPenalty(0.0, 3.0, generators)

    generators[0](torch.rand(1, 3, 32, 32))

    assert penalty.of_passes() == 0


def test_generators_learn_to_be_without_spikes(tiny_settings, monkeypatch):
    """In float32, where the activation behind a norm writes into what was measured."""
    monkeypatch.setattr("training.excess.MOST_FEATURE", 2.0)
    settings = steadied(tiny_settings, spikes=100.0)
    state = TrainState.start(settings, CPU)
    state.set_learning_rate(1e-3, 1e-3)
    images = torch.rand(2, 1, 3, 16, 16)

    def paid():
        state.networks.gen_ab(images[0])
        return state.excess.of_passes().item()

    before = paid()
    for _ in range(60):
        train_step(state, *images, settings.weights)

    assert paid() < before / 2


def test_spikes_without_instance_norm_are_refused(tiny_settings):
    flags = tiny_settings.model_dump()
    flags["stabilisers"]["spikes"] = 1.0
    flags["networks"]["generator"]["norm"] = "batch"

    with pytest.raises(ValueError, match="generators have the norm batch"):
        type(tiny_settings).model_validate(flags)


def test_a_run_with_both_continues_exactly(tiny_settings):
    settings = steadied(tiny_settings, saturation=1.0, spikes=1.0)
    whole = train(change(settings, run=settings.run.with_name("whole")))
    train(change(settings, steps=4))

    continued = train(settings)

    for mine, theirs in zip(
        continued.networks.parameters(), whole.networks.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)
