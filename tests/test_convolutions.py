"""What is computed in another way gives what the plain layers of PyTorch give."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cyclegan.convolutions import FewOutputsConv, ResizeConv

SIZES = [(2, 2), (5, 8), (16, 7)]


def both(ours, plain, x):
    """What ours and the plain one give, and the gradients of a sum of squares."""
    found = []
    for forward in (ours, plain):
        ours.zero_grad()
        image = x.clone().requires_grad_()
        result = forward(image)
        result.square().sum().backward()
        found.append([result, image.grad, *(weights.grad for weights in ours.parameters())])
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_resizing_and_convolving_gives_what_both_layers_give(size, bias):
    ours = ResizeConv(3, 5, bias).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64)

    mine, plain = both(ours, lambda image: ours[1](ours[0](image)), x)

    assert mine[0].shape == (2, 5, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(mine, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [3, 7])
@pytest.mark.parametrize("size", [(5, 8), (16, 7)])
def test_few_outputs_are_those_of_the_plain_convolution(size, kernel):
    ours = FewOutputsConv(4, 3, kernel).double()
    x = torch.randn(2, 4, *size, dtype=torch.float64)

    mine, plain = both(ours, lambda image: nn.Conv2d.forward(ours, image), x)

    assert mine[0].shape == (2, 3, *size)
    torch.testing.assert_close(mine, plain, rtol=1e-12, atol=1e-12)


def test_weights_keep_the_names_and_shapes_of_the_plain_layers():
    ours, plain = ResizeConv(3, 5, bias=True), nn.Sequential(nn.Upsample(), nn.Conv2d(3, 5, 3))
    few = FewOutputsConv(4, 3, 7)

    assert shapes(ours) == shapes(plain)
    assert shapes(few) == shapes(nn.Conv2d(4, 3, 7))


def shapes(module):
    return {name: weights.shape for name, weights in module.state_dict().items()}


def test_a_resize_convolution_multiplies_4_times_where_9_are_written():
    ours, x = ResizeConv(8, 8, bias=False), torch.zeros(1, 8, 64, 64)

    assert operations(ours, x) / operations(nn.Sequential(*ours), x) == pytest.approx(
        4 / 9 * 65**2 / 64**2  # there is one corner more than pixels
    )


def operations(module, x):
    with FlopCounterMode(display=False) as counter:
        module(x)
    return counter.get_total_flops()


def test_under_autocast_rows_are_added_in_float32():
    ours, x = FewOutputsConv(8, 3, 7), torch.randn(1, 8, 32, 32)
    exact = ours(x)

    with torch.autocast("cpu", torch.bfloat16):
        rough, plain = ours(x), nn.Conv2d.forward(ours, x)

    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < 1.2 * (plain - exact).abs().mean()
