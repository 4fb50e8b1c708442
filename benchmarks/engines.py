"""What translates pictures: PyTorch as it comes, or the service's translator and its engines.

PyTorch is imported only where it is used, so that the others' memory is measured without it.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8

from benchmarks.memory import peak_growth
from cyclegan.contract import FILE_AB
from service.engine import Engine
from service.translator import Translator

if TYPE_CHECKING:
    from cyclegan.generator import Generator

EngineName = Literal["pytorch", "onnxruntime", "openvino", "openvino-bf16"]
Pictures = UInt8[np.ndarray, "n h w 3"]
Translate = Callable[[Pictures], Pictures]

_TRANSLATIONS_TO_THE_PEAK = 3


def available_engines() -> tuple[tuple[EngineName, ...], str | None]:
    """List the engines that are there, and say why one is not."""
    engines: tuple[EngineName, ...] = ("pytorch", "onnxruntime")
    if not find_spec("openvino"):
        return engines, "OpenVINO is not installed"
    from service.openvino_engine import computes_in_bf16

    if not computes_in_bf16():
        return (*engines, "openvino"), "this CPU does not compute in bf16"
    return (*engines, "openvino", "openvino-bf16"), None


class Subject(NamedTuple):
    """A generator with its first weights, exported."""

    preset: str
    file: Path
    architecture: dict[str, Any]


def export_untrained(preset: str, folder: Path) -> Subject:
    """Export the generator of a preset; how fast it is does not depend on its weights."""
    from cyclegan.contract import TrainingFacts
    from cyclegan.export import describe, to_onnx, write_files
    from training.train_command import read_settings

    config = read_settings(["--run", "unused", "--preset", preset]).networks.generator
    generator, file = _untrained(config.model_dump()), folder / preset / FILE_AB
    facts = TrainingFacts(origin="untrained, for a benchmark")
    content = to_onnx(generator, describe(generator, ("a", "b"), facts))
    write_files(file.parent, {file.name: content})
    return Subject(preset, file, config.model_dump())


def open_engine(engine: EngineName, subject: Subject, threads: int) -> Translate:
    """Make ready to translate with `threads` threads."""
    match engine:
        case "pytorch":
            return _pytorch(subject.architecture, threads)
        case "onnxruntime":
            return _of_the_service(subject.file, Engine("cpu", threads))
        case "openvino":
            return _of_the_service(subject.file, Engine("openvino", threads))
        case "openvino-bf16":
            return _of_the_service(subject.file, Engine("openvino", threads, "bf16"))


def random_pictures(batch: int, side: int) -> Pictures:
    """Draw RGB bytes."""
    return np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)


def peak_memory(engine: EngineName, subject: Subject, threads: int, batch: int, side: int) -> float:
    """Load, translate a few times and return by how many MiB the process grew.

    To be called in a new process. For PyTorch, importing it does not count.
    """
    if engine == "pytorch":
        import cyclegan.export  # noqa: F401 # pyright: ignore[reportUnusedImport]

    def work() -> None:
        translate = open_engine(engine, subject, threads)
        for _ in range(_TRANSLATIONS_TO_THE_PEAK):
            translate(random_pictures(batch, side))

    return peak_growth(work)


def _of_the_service(model: Path, engine: Engine) -> Translate:
    translator = Translator.load(model, engine)

    def translate(pictures: Pictures) -> Pictures:
        if len(pictures) == 1:
            return translator.translate(pictures[0])[None]
        return translator.run(pictures)

    return translate


def _pytorch(architecture: dict[str, Any], threads: int) -> Translate:
    import torch

    from cyclegan.export import Deployed

    torch.set_num_threads(threads)
    deployed = Deployed(_untrained(architecture)).eval()

    def translate(pictures: Pictures) -> Pictures:
        with torch.inference_mode():
            return deployed(torch.from_numpy(pictures)).numpy()

    return translate


def _untrained(architecture: dict[str, Any]) -> "Generator":
    from cyclegan.generator import Generator, GeneratorConfig
    from cyclegan.networks import initialise

    generator = Generator(GeneratorConfig.model_validate(architecture))
    initialise(generator, seed=0)
    return generator
