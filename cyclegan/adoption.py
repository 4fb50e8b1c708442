"""Beginning with the networks of another run, also where its generators end or upsample otherwise.

A transposed convolution of stride 2 and a convolution after nearest-neighbour resizing are both
linear, but not the same: the former treats pixels of even and odd places differently, which is
where checkerboards come from (Odena et al. 2016). `as_resizing` gives the nearest of the latter.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from cyclegan.errors import CheckpointError
from cyclegan.generator import Generator, GeneratorConfig, channels_of_full_size
from cyclegan.networks import Networks

Weights = dict[str, Tensor]
Convert = Callable[[Weights, Generator], Iterator[tuple[str, Tensor]]]

_MAY_DIFFER = {"activation", "noise"}  # which no weight depends on

# What a kernel's three taps give an output pixel of the three input pixels around it, along one
# axis: (tap, pixel). Of a transposed convolution with padding 1 and output padding 1, an even place
# has the middle tap of its own pixel, an odd one the last tap of its own and the first of the next.
_TRANSPOSED = torch.tensor(
    [
        [[0.0, 0, 0], [0, 1, 0], [0, 0, 0]],  # even places
        [[0.0, 0, 1], [0, 0, 0], [0, 1, 0]],  # odd places
    ]
)
# Of a convolution on pixels that were each doubled, an even place sees its left neighbour once and
# its own pixel twice, an odd one its own twice and the right neighbour once.
_RESIZED = torch.tensor(
    [
        [[1.0, 0, 0], [0, 1, 0], [0, 1, 0]],
        [[0.0, 1, 0], [0, 1, 0], [0, 0, 1]],
    ]
)


def adopt_generators(networks: Networks, gen_ab: Generator, gen_ba: Generator) -> None:
    """Give the generators of `networks` the weights of others.

    Raises:
        CheckpointError: They are of another shape, beyond the way of upsampling, or give
            something else, beyond details for a generator that retouches, or anything for one of a
            pyramid; or their ends are light, and those of `networks` are not.
    """
    for ours, theirs in ((networks.gen_ab, gen_ab), (networks.gen_ba, gen_ba)):
        weights, conversions = theirs.state_dict(), _conversions(theirs.config, ours)
        for convert in conversions:
            weights = dict(convert(weights, ours))
        ours.load_state_dict(weights)


def _conversions(shape: GeneratorConfig, ours: Generator) -> list[Convert]:
    """What makes weights of a generator of `shape` into some of `ours`, in this order."""
    wanted, conversions = ours.config, list[Convert]()
    if (shape.upsampling, wanted.upsampling) == ("transposed", "resize"):
        conversions.append(_resized)
        shape = shape.model_copy(update={"upsampling": "resize"})
    if (shape.output, wanted.output) == ("detail", "retouch"):
        conversions.append(_retouching)
        shape = shape.model_copy(update={"output": "retouch"})
    if (shape.upsampling, shape.ends, wanted.ends) == ("resize", "paper", "light"):
        conversions.append(_lightened)
        shape = shape.model_copy(update={"ends": "light"})
    if shape.output != wanted.output == "pyramid":
        conversions.append(_at_half_the_size)
        shape = shape.model_copy(update={"output": "pyramid"})
    _check_alike(shape, wanted)
    return conversions


def adopt_discriminators(networks: Networks, theirs: Networks) -> None:
    """Give the discriminators of `networks` the weights of `theirs`, unless their shape differs.

    Those that begin anew spoil generators that are good already, until they have caught up.
    """
    if networks.config.discriminator != theirs.config.discriminator:
        return
    networks.disc_a.load_state_dict(theirs.disc_a.state_dict())
    networks.disc_b.load_state_dict(theirs.disc_b.state_dict())


def _check_alike(theirs: GeneratorConfig, ours: GeneratorConfig) -> None:
    flags = [
        f"--networks.generator.{name} {value}"
        for name, value in theirs.model_dump(exclude=_MAY_DIFFER).items()
        if value != getattr(ours, name)
    ]
    if flags:
        raise CheckpointError(
            "the generators to start from are of another shape than those of this run; give the "
            f"--preset that they had, or {' '.join(flags)}"
        )


def as_resizing(
    transposed: Float[Tensor, "inputs outputs 3 3"],
) -> Float[Tensor, "outputs inputs 3 3"]:
    """Give the convolution after resizing that comes nearest to a transposed one.

    Nearest in least squares of what each output pixel takes from each input pixel; the same along
    both axes, since both operators are.
    """
    taps = _least_squares().to(transposed)
    return torch.einsum("ioxy,ax,by->oiab", transposed, taps, taps)


def _least_squares() -> Float[Tensor, "3 3"]:
    """Taps of the resizing kernel from those of the transposed one, along one axis."""
    resized = _RESIZED.movedim(1, -1).reshape(-1, 3)
    transposed = _TRANSPOSED.movedim(1, -1).reshape(-1, 3)
    return torch.linalg.lstsq(resized, transposed).solution


def _resized(weights: Weights, _ours: Generator) -> Iterator[tuple[str, Tensor]]:
    for name, weight in weights.items():
        parts = name.split(".")
        if parts[0] == "decode" and parts[1] in "01" and parts[2] == "0":
            # decode.0.0.weight becomes decode.0.0.1.weight: behind the resizing.
            new = ".".join([*parts[:3], "1", *parts[3:]])
            yield new, as_resizing(weight) if weight.ndim == 4 else weight
        else:
            yield name, weight


def _retouching(weights: Weights, _ours: Generator) -> Iterator[tuple[str, Tensor]]:
    """Let the last layer want the finest structure as strong as it is."""
    for name, weight in weights.items():
        is_last = name.startswith("decode.2.")
        yield name, torch.cat([weight, torch.zeros_like(weight[:1])]) if is_last else weight


def _lightened(weights: Weights, ours: Generator) -> Iterator[tuple[str, Tensor]]:
    """Thin out what has the full size, and keep the middle of the last kernel."""
    channels = channels_of_full_size(ours.config)
    weights = _thinned(weights, "encode.0.", "encode.1.", channels)
    if "decode.2.weight" in weights:  # a generator of a pyramid ends before
        weights = _thinned(weights, "decode.1.", "decode.2.", channels)
        weights["decode.2.weight"] = weights["decode.2.weight"][:, :, 1:-1, 1:-1]
    yield from weights.items()


def _thinned(weights: Weights, layer: str, behind: str, channels: int) -> Weights:
    """Keep those channels of a layer that the one behind it weighs most."""
    kernel = next(n for n, w in weights.items() if n.startswith(behind) and w.ndim == 4)
    weighed = weights[kernel].square().sum((0, 2, 3))
    strongest = weighed.topk(channels).indices.sort().values
    thin = {n: w[strongest] for n, w in weights.items() if n.startswith(layer) and w.ndim}
    return weights | thin | {kernel: weights[kernel][:, strongest]}


def _at_half_the_size(weights: Weights, ours: Generator) -> Iterator[tuple[str, Tensor]]:
    """Keep all up to half the size; the last layer begins anew, with both levels as they are."""
    for name, weight in ours.state_dict().items():
        is_last = name.startswith("decode.1.")
        begun = torch.cat([weight[:3], torch.zeros_like(weight[3:])]) if is_last else weights[name]
        yield name, begun
