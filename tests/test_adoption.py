import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from cyclegan.adoption import adopt_discriminators, adopt_generators, as_resizing
from cyclegan.discriminator import DiscriminatorConfig
from cyclegan.errors import CheckpointError
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig, initialise
from cyclegan.retouching import smoothed, surroundings


def doubled_by_transposing(x, weight):
    return conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)


def doubled_by_resizing(x, weight):
    return conv2d(interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)


def distance(weight, resizing):
    """How differently the two treat single pixels, far from the border."""
    x = torch.zeros(weight.shape[0], weight.shape[0], 8, 8, dtype=weight.dtype)
    for channel in range(weight.shape[0]):
        x[channel, channel, 4, 4] = 1
    return (doubled_by_transposing(x, weight) - doubled_by_resizing(x, resizing)).square().sum()


def test_what_both_can_do_stays_the_same():
    # Each pixel copied to all four: the taps 0, 1, 1 along both axes.
    copying = torch.tensor([0.0, 1.0, 1.0])
    weight = torch.outer(copying, copying)[None, None]

    torch.testing.assert_close(distance(weight, as_resizing(weight)), torch.tensor(0.0))


def test_nothing_else_comes_nearer():
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 3, 3, 3, generator=rng, dtype=torch.float64)
    best = as_resizing(weight)
    assert best.shape == (3, 2, 3, 3)

    for _ in range(50):
        moved = best + 1e-3 * torch.randn(best.shape, generator=rng, dtype=torch.float64)
        assert distance(weight, moved) > distance(weight, best)


def networks_of(seed=0, **generator):
    config = NetworksConfig(
        generator=GeneratorConfig(**{"width": 4, "blocks": 1} | generator),
        discriminator=DiscriminatorConfig(width=4, layers=2),
    )
    networks = Networks(config)
    initialise(networks, seed)
    return networks


def test_generators_are_adopted():
    theirs, ours = networks_of(seed=1), networks_of(seed=2)

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    for one, other in ((ours.gen_ab, theirs.gen_ab), (ours.gen_ba, theirs.gen_ba)):
        torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)


def test_discriminators_of_the_same_shape_are_adopted():
    theirs, ours = networks_of(seed=1), networks_of(seed=2)

    adopt_discriminators(ours, theirs)

    for one, other in ((ours.disc_a, theirs.disc_a), (ours.disc_b, theirs.disc_b)):
        torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)
    assert not torch.equal(ours.gen_ab.decode[-1].weight, theirs.gen_ab.decode[-1].weight)


def test_discriminators_of_another_shape_begin_anew():
    config = NetworksConfig(
        generator=GeneratorConfig(width=4, blocks=1),
        discriminator=DiscriminatorConfig(width=4, layers=2, norm="none"),
    )
    ours = Networks(config)
    before = ours.disc_a.score.weight.clone()

    adopt_discriminators(ours, networks_of())

    assert torch.equal(ours.disc_a.score.weight, before)


def test_transposed_generators_become_resizing_ones_that_paint_much_the_same():
    theirs, ours = networks_of(seed=1), networks_of(seed=2, upsampling="resize")
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    expected = theirs.gen_ab(images)
    before = (ours.gen_ab(images) - expected).abs().mean()

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    assert (ours.gen_ab(images) - expected).abs().mean() < 0.8 * before


def test_generators_of_details_become_ones_that_retouch():
    """They paint as before but for the finest structure, which becomes that of the picture."""
    theirs, ours = networks_of(seed=1, output="detail"), networks_of(seed=2, output="retouch")
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    details = theirs.gen_ab.decode(theirs.gen_ab.transform(theirs.gen_ab.encode(image)))

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    coarse = torch.tanh(smoothed(details) + surroundings(image, 4))
    expected = (coarse + image - smoothed(image)).clamp(-1, 1)
    torch.testing.assert_close(ours.gen_ab(image), expected)


@pytest.mark.parametrize("output", ["image", "detail", "retouch"])
def test_others_become_ones_of_a_pyramid_with_all_that_they_do_at_half_the_size(output):
    theirs, ours = networks_of(seed=1, output=output), networks_of(seed=2, output="pyramid")
    before = ours.gen_ab.decode[1].weight.clone()

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    former, now = theirs.gen_ab.state_dict(), ours.gen_ab.state_dict()
    kept = [name for name in now if not name.startswith("decode.1.")]
    assert all(torch.equal(now[name], former[name]) for name in kept)
    assert {name.split(".")[0] for name in kept} == {"encode", "transform", "decode"}
    torch.testing.assert_close(ours.gen_ab.decode[1].weight[:3], before[:3])


def test_such_ones_begin_with_the_structure_of_the_picture_as_it_is():
    theirs, ours = networks_of(seed=1), networks_of(seed=2, output="pyramid")
    image = torch.rand(1, 3, 32, 32) * 2 - 1

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    painted = ours.gen_ab.decode(ours.gen_ab.transform(ours.gen_ab.encode(image)))
    assert painted[:, :3].abs().max() > 0
    assert painted[:, 3:].abs().max() == 0


@pytest.mark.parametrize("output", ["detail", "retouch"])
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("downsampling", ["strided", "average"])
def test_light_ends_keep_what_the_next_layer_weighs_most(output, norm, downsampling):
    """Of four channels at the full size the two with the greatest weights, by hand."""
    of_both = {"upsampling": "resize", "norm": norm, "downsampling": downsampling}
    theirs = networks_of(seed=1, output=output, **of_both)
    ours = networks_of(seed=2, output="retouch", ends="light", **of_both)
    halving = "encode.1.0.weight" if downsampling == "strided" else "encode.1.0.0.weight"
    with torch.no_grad():
        theirs.gen_ab.get_parameter(halving)[:, [0, 3]] *= 3
        theirs.gen_ab.decode[2].weight[:, [1, 3]] *= 3

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    former, now = theirs.gen_ab.state_dict(), ours.gen_ab.state_dict()
    for name, weight in former.items():
        if name.startswith("encode.0.") and weight.ndim:
            expected = weight[[0, 3]]
        elif name == halving:
            expected = weight[:, [0, 3]]
        elif name.startswith("decode.1.") and weight.ndim:
            expected = weight[[1, 3]]
        elif name == "decode.2.weight":
            expected = weight[:3, [1, 3], 1:6, 1:6]
        else:
            expected = weight[:3] if name == "decode.2.bias" else weight
        kept = now[name][:3] if name.startswith("decode.2.") else now[name]
        torch.testing.assert_close(kept, expected, rtol=0, atol=0)


def test_generators_of_a_pyramid_keep_their_last_layer_with_light_ends():
    of_both = {"upsampling": "resize", "output": "pyramid"}
    theirs, ours = networks_of(seed=1, **of_both), networks_of(seed=2, ends="light", **of_both)

    adopt_generators(ours, theirs.gen_ab, theirs.gen_ba)

    torch.testing.assert_close(
        ours.gen_ab.decode.state_dict(), theirs.gen_ab.decode.state_dict(), rtol=0, atol=0
    )


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        ({"upsampling": "shuffle"}, "or --networks.generator.upsampling transposed$"),
        ({"norm": "batch"}, "or --networks.generator.norm instance$"),
        (
            {"output": "detail", "block": "separable"},
            "or --networks.generator.block full --networks.generator.output image$",
        ),
        ({"output": "pyramid", "block": "separable"}, "or --networks.generator.block full$"),
        (
            {"ends": "light", "upsampling": "resize", "width": 8},
            "or --networks.generator.width 4$",
        ),
        (
            {"ends": "light", "upsampling": "shuffle"},
            "or --networks.generator.upsampling transposed --networks.generator.ends paper$",
        ),
    ],
)
def test_the_flags_with_which_it_would_fit_are_said(generator, message):
    theirs = networks_of()

    with pytest.raises(CheckpointError, match=message):
        adopt_generators(networks_of(**generator), theirs.gen_ab, theirs.gen_ba)
