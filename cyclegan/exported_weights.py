"""A generator's weights in its exported model, to train on from there.

The exporter computes ahead whatever does not depend on the picture, so its graph lacks some weights
and may hold others changed. Those lie in the part that ONNX keeps for training, which engines skip.
"""

from collections.abc import Iterable
from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper
from torch import Tensor

from cyclegan.contract import FILE_AB, FILE_BA, ModelCard, domains_of_pair
from cyclegan.errors import ModelError
from cyclegan.generator import Generator, GeneratorConfig

_PREFIX = "generator."  # of the names of its weights in the graph, by the exported module

Exported = tuple[Generator, ModelCard]
"""A generator, and what its model says of itself."""


def keep_weights(model: onnx.ModelProto, generator: Generator) -> None:
    """Add to `model` those weights of `generator` that its graph does not hold as they are."""
    held = _tensors(model.graph.initializer)
    training = model.training_info.add().algorithm
    training.name = "weights"
    for name, weight in generator.state_dict().items():
        if name not in held or not torch.equal(held[name], weight):
            training.initializer.append(
                numpy_helper.from_array(weight.numpy(force=True), _PREFIX + name)
            )


def exported_generators(folder: Path) -> tuple[Generator, Generator, tuple[str, str]]:
    """Read both generators that `cyclegan export` wrote, and the names of domains A and B.

    Raises:
        ModelError: One is missing, damaged, or lacks weights; or they are of other domains.
    """
    (gen_ab, there), (gen_ba, _) = exported_pair(folder)
    return gen_ab, gen_ba, (there.source, there.target)


def exported_pair(folder: Path) -> tuple[Exported, Exported]:
    """Read the same with what each says of itself.

    Raises:
        ModelError: As of `exported_generators`.
    """
    there, back = (_exported_generator(folder / name) for name in (FILE_AB, FILE_BA))
    domains_of_pair(there[1], back[1], str(folder))
    return there, back


def card_of(file: Path) -> ModelCard:
    """Read what an exported model says of itself.

    Raises:
        ModelError: It is missing, damaged or not described.
    """
    return _card(_model(file), file)


def _exported_generator(file: Path) -> Exported:
    model = _model(file)
    card = _card(model, file)
    try:
        weights = _tensors(model.graph.initializer)
        for training in model.training_info:
            weights |= _tensors(training.algorithm.initializer)
        generator = Generator(GeneratorConfig.model_validate(card.architecture))
        # The graph may have more of its own, as the biases that batch norms are made into.
        generator.load_state_dict({name: weights[name] for name in generator.state_dict()})
    except (KeyError, ValueError, TypeError, RuntimeError):  # ours, pydantic, numpy or PyTorch
        raise ModelError(
            f"{file} does not hold all weights of its generator: it is damaged, or of an earlier "
            "version; export its run again"
        ) from None
    return generator, card


def _card(model: onnx.ModelProto, file: Path) -> ModelCard:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return ModelCard.from_metadata(metadata, str(file))


def _model(file: Path) -> onnx.ModelProto:
    try:
        # Without what lies in other files: nothing outside of its own is a model's business.
        return onnx.load(file, load_external_data=False)
    except OSError as error:
        raise ModelError(
            f"{file} could not be read ({error.strerror}); expected a folder that "
            "`cyclegan export` wrote"
        ) from None
    except DecodeError:
        raise ModelError(f"{file} is damaged, or no ONNX model; export its run again") from None


def _tensors(initializers: Iterable[TensorProto]) -> dict[str, Tensor]:
    """Give those of the generator, under their names in PyTorch."""
    return {
        tensor.name.removeprefix(_PREFIX): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in initializers
        if tensor.name.startswith(_PREFIX) and tensor.data_location != TensorProto.EXTERNAL
    }
