"""From a generator to an ONNX file that takes and gives bytes, checked against PyTorch."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path

import onnx
import torch
from jaxtyping import UInt8
from torch import Tensor, nn
from torch.onnx import ONNXProgram

from cyclegan.atomic_file import write_atomically
from cyclegan.contract import INPUT, OUTPUT, ModelCard, TrainingFacts
from cyclegan.cpu_session import CpuSession
from cyclegan.errors import ExportError
from cyclegan.exported_weights import keep_weights
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.pixels import to_bytes, to_signed

ALLOWED_DIFFERENCE = 1  # of 255 levels: rounding of the same value computed in another order

PictureBytes = UInt8[Tensor, "n h w 3"]


class Deployed(nn.Module):
    """A generator with bytes on both sides, so that nobody else repeats the scaling."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: UInt8[Tensor, "n h w 3"]) -> UInt8[Tensor, "n h w 3"]:
        """Translate RGB bytes, channels last, as image libraries hold them."""
        signed = to_signed(image.permute(0, 3, 1, 2))
        return to_bytes(self.generator(signed)).permute(0, 2, 3, 1)


def describe(generator: Generator, domains: tuple[str, str], facts: TrainingFacts) -> ModelCard:
    """Write the card of a generator that translates the first of `domains` into the second."""
    source, target = domains
    return ModelCard(
        source=source,
        target=target,
        size_multiple=Generator.SIZE_MULTIPLE,
        min_side=Generator.MIN_SIDE,
        parameters=sum(p.numel() for p in generator.parameters()),
        architecture=generator.config.model_dump(),
        training=facts,
    )


def summary(card: ModelCard) -> str:
    """Say in a line what was exported."""
    said = (
        f"{card.translation}, {card.parameters:,} weights, "
        f"within {ALLOWED_DIFFERENCE} of 255 levels of PyTorch"
    )
    strength = card.training.strength
    return said if strength == 1 else f"{said}, {strength:.4g} times as strong as trained"


def to_onnx(generator: Generator, card: ModelCard) -> bytes:
    """Give the content of an ONNX file, checked against PyTorch on `checked_pictures`.

    Raises:
        ExportError: ONNX Runtime gives other bytes than PyTorch.
    """
    deployed = Deployed(deepcopy(generator)).cpu().eval()  # the caller may go on training
    model = _graph(deployed)
    keep_weights(model, deployed.generator)
    for key, value in card.to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    content = model.SerializeToString()
    session = CpuSession(content)
    difference = max(_difference(deployed, session, each) for each in checked_pictures())
    if difference > ALLOWED_DIFFERENCE:
        raise ExportError(
            f"the ONNX model differs from the PyTorch model by up to {difference} of 255 levels "
            f"(allowed: {ALLOWED_DIFFERENCE}); check the versions of torch and onnxruntime"
        )
    return content


def checked_pictures() -> Iterator[PictureBytes]:
    """Give random pictures of several sizes, and a smooth one.

    None of one colour alone: instance norm divides what rounding leaves of it by almost nothing,
    layer after layer, so what comes out is arbitrary, in PyTorch as well.
    """
    for images, height, width in ((1, 64, 96), (2, 128, 128), (1, 256, 200)):
        random = torch.Generator().manual_seed(height * width)
        yield torch.randint(0, 256, (images, height, width, 3), dtype=torch.uint8, generator=random)
    right, down = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="xy")
    yield torch.stack((right, down, 255 - right - down), dim=-1)[None].clamp(min=0).byte()


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files that belong together, by name; the folder is made.

    Raises:
        ExportError: One cannot be written.
    """
    for name, content in contents.items():
        file = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(file, content)
        except OSError as error:
            raise ExportError(f"{file} could not be written ({error.strerror})") from None


def _graph(deployed: Deployed) -> onnx.ModelProto:
    """Give the graph that `deployed` computes, with what can be computed ahead."""
    traced = _traced(deployed.generator.config)
    program = ONNXProgram(traced.model.clone(), traced.exported_program)
    held = traced.model.graph.initializers
    program.apply_weights({k: v for k, v in deployed.state_dict().items() if k in held})
    program.optimize()
    model = program.model_proto
    # The exporter names sizes s40 or 4*(((s62 - 1)//4)) + 4; people read this in a viewer.
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim, "nhw", strict=False):
            dimension.dim_param = name
    return model


@cache
def _traced(config: GeneratorConfig) -> ONNXProgram:
    """Trace a generator without weights, once for all of a shape, as both of a model are.

    It is nine tenths of an export's time.
    """
    with torch.device("meta"):
        deployed = Deployed(Generator(config)).eval()
        pictures = torch.zeros(2, 64, 96, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        deployed,
        (pictures,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({i: torch.export.Dim.DYNAMIC for i in range(3)},),
        dynamo=True,
        optimize=False,  # that needs weights
        verbose=False,
    )
    assert program is not None
    return program


def _difference(deployed: Deployed, session: CpuSession, pictures: PictureBytes) -> int:
    with torch.inference_mode():
        expected = deployed(pictures)
    actual = session.translated(pictures.numpy())
    return int((expected.int() - torch.from_numpy(actual).int()).abs().max())
