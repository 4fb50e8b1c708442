"""The authors' files of weights, both ways.

Their layers are numbered along one sequence; ours have names. Source: junyanz/
pytorch-CycleGAN-and-pix2pix, commit 2a7afba, models/networks.py. Mind their names: their G_A
translates A into B, and their D_A judges images of domain B.
"""

import re
from collections.abc import Iterator, Mapping

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from cyclegan.discriminator import DiscriminatorConfig, PatchDiscriminator
from cyclegan.errors import WeightsError
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import Networks
from cyclegan.norm import Norm

Weights = Mapping[str, Tensor]

_EXPECTED = "expected a ResNet generator (resnet_9blocks or resnet_6blocks) of the authors"


def read_generator(weights: Weights) -> Generator:
    """Build the generator whose weights these are; width, blocks and norm are read from them.

    Accepts prefixes of DataParallel and torch.compile, the running statistics that old files carry
    beside instance norm, and layers numbered around a dropout, which does nothing at inference.

    Raises:
        WeightsError: These are not the weights of a ResNet generator for RGB images.
    """
    weights = {re.sub(r"^(module\.|_orig_mod\.)+", "", name): w for name, w in weights.items()}
    config = _generator_config(weights)
    dropout = any(".conv_block.6." in name and w.ndim == 4 for name, w in weights.items())
    generator = Generator(config)
    _load(generator, weights, dict(_generator_layers(config, dropout)))
    return generator


def read_discriminator(weights: Weights) -> PatchDiscriminator:
    """Build the PatchGAN whose weights these are.

    Raises:
        WeightsError: These are not the weights of a PatchGAN with instance norm.
    """
    convolutions = [w for name, w in weights.items() if name.endswith("weight") and w.ndim == 4]
    if len(convolutions) < 3 or "model.0.weight" not in weights:
        raise WeightsError("these are not the weights of a PatchGAN of the authors")
    config = DiscriminatorConfig(width=convolutions[0].shape[0], layers=len(convolutions) - 2)
    discriminator = PatchDiscriminator(config)
    _load(discriminator, weights, dict(_discriminator_layers(config)))
    return discriminator


def reference_weights(networks: Networks) -> dict[str, dict[str, Tensor]]:
    """Give the four networks' weights under the authors' names: G_A, G_B, D_A and D_B.

    Raises:
        WeightsError: The authors' networks have no such layers.
    """
    generators = dict(_generator_layers(networks.config.generator, dropout=False))
    judges = dict(_discriminator_layers(networks.config.discriminator))
    return {
        "G_A": _renamed(networks.gen_ab, generators),
        "G_B": _renamed(networks.gen_ba, generators),
        "D_A": _renamed(networks.disc_b, judges),  # their D_A judges B
        "D_B": _renamed(networks.disc_a, judges),
    }


def _generator_config(weights: Weights) -> GeneratorConfig:
    if any(name.startswith("model.model.") for name in weights):
        raise WeightsError(f"these are the weights of a U-Net; {_EXPECTED}")
    first = weights.get("model.1.weight")
    if not isinstance(first, Tensor) or first.shape[1:] != (3, 7, 7):
        raise WeightsError(f"these weights have no first layer for RGB images; {_EXPECTED}")
    blocks = {m[1] for name in weights if (m := re.match(r"model\.(\d+)\.conv_block\.", name))}
    try:
        return GeneratorConfig(width=first.shape[0], blocks=len(blocks), norm=_norm(weights))
    except ValidationError:
        raise WeightsError(f"these weights have no channels; {_EXPECTED}") from None


def _norm(weights: Weights) -> Norm:
    if "model.1.bias" in weights:
        return "instance"
    return "batch" if "model.2.weight" in weights else "none"


def _generator_layers(config: GeneratorConfig, dropout: bool) -> Iterator[tuple[str, str]]:
    """Pairs of our layer's name and theirs; after a convolution, its norm follows."""
    theirs = GeneratorConfig(width=config.width, blocks=config.blocks, norm=config.norm)
    others = [
        f"--networks.generator.{name} is {value}, theirs {getattr(theirs, name)}"
        for name, value in config.model_copy(update={"noise": 0.0})
        if value != getattr(theirs, name)
    ]
    if others:
        raise WeightsError(
            f"these generators are not of the authors' kind: {'; '.join(others)}; those that "
            "--preset paper trains are"
        )
    n = config.blocks
    for i, theirs in enumerate((1, 4, 7)):
        yield f"encode.{i}.0", f"model.{theirs}"
        yield f"encode.{i}.1", f"model.{theirs + 1}"
    second = 6 if dropout else 5
    for i in range(n):
        for ours, theirs in ((0, 1), (1, 2), (3, second), (4, second + 1)):
            yield f"transform.{i}.f.{ours}", f"model.{10 + i}.conv_block.{theirs}"
    for i, theirs in enumerate((10 + n, 13 + n)):
        yield f"decode.{i}.0", f"model.{theirs}"
        yield f"decode.{i}.1", f"model.{theirs + 1}"
    yield "decode.2", f"model.{17 + n}"


def _discriminator_layers(config: DiscriminatorConfig) -> Iterator[tuple[str, str]]:
    if config.kind != "patch" or config.downsampling != "strided":
        raise WeightsError(
            f"the authors' code has no discriminator of the kind {config.kind} with "
            f"{config.downsampling} downsampling; only a patch one with strided convolutions fits"
        )
    yield "layers.0.0", "model.0"
    for i in range(1, config.layers + 1):
        yield f"layers.{i}.0", f"model.{3 * i - 1}"
        yield f"layers.{i}.1", f"model.{3 * i}"
    yield "score", f"model.{3 * config.layers + 2}"


def _renamed(network: nn.Module, layers: Mapping[str, str]) -> dict[str, Tensor]:
    return {_their_name(name, layers): w.clone() for name, w in network.state_dict().items()}


def _their_name(name: str, layers: Mapping[str, str]) -> str:
    layer, _, parameter = name.rpartition(".")
    return f"{layers[layer]}.{parameter}"


def _load(network: nn.Module, weights: Weights, layers: Mapping[str, str]) -> None:
    """Copy `weights` into `network`; each of its tensors must be there in the right shape."""
    ours = network.state_dict()
    wanted = {name: _their_name(name, layers) for name in ours}
    for name, theirs in wanted.items():
        found = weights.get(theirs)
        if not isinstance(found, Tensor) or found.shape != ours[name].shape:
            has = tuple(found.shape) if isinstance(found, Tensor) else "missing"
            raise WeightsError(
                f"{theirs} is {has}; expected {tuple(ours[name].shape)}; {_EXPECTED}"
            )
    left = {name for name in set(weights) - set(wanted.values()) if not _is_statistic(name)}
    if left:
        raise WeightsError(f"the weights hold {min(left)}, which has no place here; {_EXPECTED}")
    with torch.no_grad():
        network.load_state_dict({name: weights[theirs] for name, theirs in wanted.items()})


def _is_statistic(name: str) -> bool:
    # Released files carry these beside instance norm, which ignores them.
    return name.endswith((".running_mean", ".running_var", ".num_batches_tracked"))
