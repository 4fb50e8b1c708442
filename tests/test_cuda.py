"""On a GPU: the same mathematics, recorded and compiled; runs that go on where they stopped."""

from itertools import pairwise

import pytest
import torch
from conftest import change

from training.compiled import uncompiled
from training.loop import train
from training.recording import RecordedSide
from training.state import TrainState
from training.step import train_step

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")


@pytest.fixture(autouse=True)
def _exact():
    """Convolutions in float32 are ones, always computed alike."""
    with torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
        yield


def trained(settings, steps=8, side=32):
    """Take steps on pictures that are always the same; give their losses and a translation."""
    random = torch.Generator().manual_seed(0)
    shape = 2, settings.pictures_per_step, 3, side, side
    pictures = [(torch.rand(shape, generator=random) * 2 - 1).to(CUDA) for _ in range(steps)]
    state = TrainState.start(settings, CUDA)
    losses = []
    for step, pair in enumerate(pictures):
        rate = 2e-4 if step < steps // 2 else 1e-4
        state.set_learning_rate(rate, rate)
        torch.manual_seed(step)
        losses.append(torch.stack(train_step(state, *pair, settings.weights)))
    with torch.no_grad(), uncompiled(settings):
        made = state.networks.gen_ab(pictures[0][0])
    return state, torch.stack(losses).cpu(), made.cpu()


def assert_alike(found, expected):
    """Losses within a thousandth; a picture less closely, since Adam makes steps of rounding."""
    (losses, picture), (same_losses, same_picture) = found, expected
    torch.testing.assert_close(losses, same_losses, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(picture, same_picture, rtol=0, atol=0.05)


@pytest.mark.parametrize("objective", ["lsgan", "hinge", "wgan_gp"])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_recorded_step_computes_what_one_told_by_python_does(tiny_settings, objective, batch):
    settings = change(tiny_settings, objective=objective, batch=batch, precision="fp32")

    recorded, *found = trained(settings)
    told, *expected = trained(change(settings, cuda_graphs=False))

    assert isinstance(recorded.generators, RecordedSide)
    assert not isinstance(told.generators, RecordedSide)
    assert_alike(found, expected)


def test_a_recording_follows_the_learning_rate(tiny_settings):
    state, *_ = trained(tiny_settings)
    before = [weight.clone() for weight in state.networks.parameters()]
    pair = torch.rand(2, tiny_settings.batch, 3, 32, 32, device=CUDA)

    state.set_learning_rate(0.0, 0.0)
    train_step(state, *pair, tiny_settings.weights)

    for old, new in zip(before, state.networks.parameters(), strict=True):
        assert torch.equal(old, new)


def test_a_recording_draws_new_random_numbers(tiny_settings):
    steady = tiny_settings.stabilisers.model_copy(update={"labels": "random"})
    settings = change(tiny_settings, stabilisers=steady)
    state, *_ = trained(settings)
    pair = torch.rand(2, settings.batch, 3, 32, 32, device=CUDA)
    state.set_learning_rate(0.0, 0.0)

    seen = [torch.stack(train_step(state, *pair, settings.weights))[-2:].cpu() for _ in range(3)]

    assert all(not torch.equal(one, other) for one, other in pairwise(seen))


@pytest.mark.skipif(
    torch.__version__ < "2.14", reason="the compiler of torch 2.11 cannot follow beartype's checks"
)
@pytest.mark.parametrize("batch", [1, 2])
def test_compiled_steps_compute_what_eager_ones_do(tiny_settings, batch):
    settings = change(tiny_settings, batch=batch, precision="fp32")

    _, *found = trained(change(settings, compile="on"), steps=6)
    _, *expected = trained(change(settings, cuda_graphs=False), steps=6)

    assert_alike(found, expected)


def test_bfloat16_stays_near_float32(tiny_settings):
    _, found, _ = trained(change(tiny_settings, precision="bf16"))
    _, expected, _ = trained(change(tiny_settings, precision="fp32"))

    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.05)


def test_a_run_that_was_stopped_ends_near_one_that_was_not(tiny_settings):
    settings = change(tiny_settings, device="cuda", precision="fp32")
    whole = train(change(settings, run=settings.run.with_name("whole")))
    train(change(settings, steps=4))

    continued = train(settings)

    assert continued.step == whole.step
    picture = torch.rand(1, 3, 32, 32, device=CUDA)
    mine, theirs = (state.networks.gen_ab(picture) for state in (continued, whole))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=0.01)
