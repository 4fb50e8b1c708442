"""How a side learns from a batch: in parts, with less memory, in bfloat16."""

import pytest
import torch
from conftest import change

from training.adversarial_settings import Judging, Optimizers
from training.settings import LossWeights
from training.state import TrainState
from training.step import train_step

CPU = torch.device("cpu")


def after_steps(settings, count=4):
    """Losses of the last step and the state; the history of 2 exchanges from the second on."""
    # Pictures without a gradient next to nothing, of whose rounding Adam would make whole steps.
    random = torch.Generator().manual_seed(7)
    state = TrainState.start(settings, CPU)
    shape = settings.pictures_per_step, 3, 16, 16
    for _ in range(count):
        real_a, real_b = (torch.rand(shape, generator=random) * 2 - 1 for _ in range(2))
        losses = train_step(state, real_a, real_b, settings.weights)
    return torch.stack(losses), state


@pytest.mark.parametrize("objective", ["lsgan", "hinge"])
def test_a_batch_in_parts_teaches_what_it_does_in_one(tiny_settings, objective):
    whole = change(tiny_settings, batch=4, objective=objective)

    losses, state = after_steps(whole)
    losses_in_parts, state_in_parts = after_steps(change(whole, accumulate=2))

    torch.testing.assert_close(losses_in_parts, losses, rtol=1e-4, atol=1e-5)
    expected = state.networks.state_dict()
    for name, weights in state_in_parts.networks.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=1e-3, atol=2e-5)


def test_parts_enter_the_history_as_the_batch_does(tiny_settings):
    whole = change(tiny_settings, batch=4, history=3)
    one, other = (after_steps(change(whole, accumulate=n))[1] for n in (1, 4))

    torch.testing.assert_close(one.history_a.images, other.history_a.images, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_blocks_that_are_computed_again_give_the_same_gradients(tiny_settings, precision):
    kept = change(tiny_settings, precision=precision)

    losses, state = after_steps(kept, 2)
    losses_again, again = after_steps(change(kept, recompute_activations=True), 2)

    assert torch.equal(losses, losses_again)
    for one, other in zip(state.networks.parameters(), again.networks.parameters(), strict=True):
        assert one.grad is other.grad is None or torch.equal(one.grad, other.grad)


def test_blocks_that_are_computed_again_keep_less_for_the_backward_pass(tiny_settings):
    def kept(recomputes):
        generator = TrainState.start(tiny_settings, CPU).networks.gen_ab
        generator.recomputes_blocks = recomputes
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            generator(torch.rand(1, 3, 32, 32))
        return sum(sizes)

    assert kept(True) < 0.9 * kept(False)


def test_in_bfloat16_each_update_of_the_discriminators_begins_with_the_new_weights(tiny_settings):
    # Autocast keeps its copies of the weights for a whole context: were that the step, the second
    # update would see those from before the first.
    def judged(precision, updates):
        settings = change(
            tiny_settings,
            precision=precision,
            judging=Judging(updates=updates),
            optimizers=Optimizers(discriminators="sgd"),
        )
        state = TrainState.start(settings, CPU)
        state.set_learning_rate(0.0, of_discriminators=0.1)
        same = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16).repeat(updates, 1, 1, 1)
        return train_step(state, same, -same, LossWeights()).discriminator_a.item()

    assert judged("fp32", updates=2) != pytest.approx(judged("fp32", updates=1), rel=0.2)
    assert judged("bf16", updates=2) == pytest.approx(judged("fp32", updates=2), rel=0.05)


def test_a_batch_that_has_no_equal_parts_is_refused(tiny_settings):
    flags = tiny_settings.model_dump() | {"batch": 3, "accumulate": 2}

    with pytest.raises(ValueError, match="batch is 3 with accumulate 2; parts must be equal"):
        type(tiny_settings).model_validate(flags)
