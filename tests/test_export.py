import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper

from cyclegan import export
from cyclegan.contract import INPUT, OUTPUT, ModelCard, TrainingFacts
from cyclegan.errors import ExportError, ModelError
from cyclegan.export import Deployed, describe, to_onnx, write_files
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import initialise
from cyclegan.pixels import to_bytes, to_signed

FACTS = TrainingFacts(origin="made in a test", steps=3)


def a_generator(**config):
    generator = Generator(GeneratorConfig(**({"width": 4, "blocks": 1} | config)))
    initialise(generator, seed=0)
    return generator


def content_of(generator):
    return to_onnx(generator, describe(generator, ("photo", "painting"), FACTS))


def exported(tmp_path, generator):
    write_files(tmp_path / "m", {"a2b.onnx": content_of(generator)})
    return ort.InferenceSession(tmp_path / "m" / "a2b.onnx", providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def content():
    """Of the file of a usual generator."""
    return content_of(a_generator())


def kernels_in(content):
    tensors = map(numpy_helper.to_array, onnx.load_from_string(content).graph.initializer)
    return [tensor for tensor in tensors if tensor.ndim == 4]


def random_picture(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"block": "separable", "upsampling": "resize"},
        {"output": "detail"},
        {"norm": "batch"},
        {"norm": "none"},
    ],
)
def test_the_onnx_model_gives_what_pytorch_gives_at_every_size(tmp_path, config):
    generator = a_generator(**config)
    session = exported(tmp_path, generator)

    for shape in ((1, 8, 8, 3), (3, 12, 40, 3), (1, 100, 64, 3)):
        picture = random_picture(*shape)
        [ours] = session.run([OUTPUT], {INPUT: picture})
        with torch.inference_mode():
            images = to_signed(torch.from_numpy(picture).permute(0, 3, 1, 2))
            theirs = to_bytes(generator.eval()(images)).permute(0, 2, 3, 1).numpy()
        assert ours.dtype == np.uint8
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_generators_of_one_shape_are_traced_once_and_each_keeps_its_weights(content, monkeypatch):
    other = Generator(a_generator().config)
    initialise(other, seed=1)
    monkeypatch.setattr(torch.onnx, "export", None)

    first, second = kernels_in(content), kernels_in(content_of(other))

    assert len(first) == len(second) == 8
    assert not any(np.array_equal(one, its) for one, its in zip(first, second, strict=True))


def test_the_file_says_all_that_its_user_must_know(content):
    generator = a_generator()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map

    card = ModelCard.from_metadata(metadata, "a2b.onnx")

    assert card.translation == "photo2painting"
    assert (card.size_multiple, card.min_side) == (4, 8)
    assert card.parameters == sum(p.numel() for p in generator.parameters())
    assert card.training == FACTS
    assert GeneratorConfig.model_validate(card.architecture) == generator.config


def test_sizes_have_names_that_people_read(content):
    graph = onnx.load_from_string(content).graph

    for value in (graph.input[0], graph.output[0]):
        assert [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] == [
            "n",
            "h",
            "w",
            3,
        ]


def test_a_model_that_differs_is_not_written(tmp_path, monkeypatch):
    class Darker(Deployed):
        def forward(self, image):
            return super().forward(image) // 2

    generator = a_generator()
    graph = export._graph(Deployed(generator).eval())
    monkeypatch.setattr(export, "_graph", lambda _: graph)
    monkeypatch.setattr(export, "Deployed", Darker)

    with pytest.raises(ExportError, match=r"by up to \d+ of 255 levels \(allowed: 1\)"):
        exported(tmp_path, generator)

    assert not (tmp_path / "m").exists()


def test_exporting_leaves_the_trainers_network_alone(tmp_path):
    generator = a_generator(norm="batch").train()

    exported(tmp_path, generator)

    assert generator.training
    assert all(p.requires_grad for p in generator.parameters())


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path):
    (tmp_path / "m").write_text("a file")

    with pytest.raises(ExportError, match="could not be written"):
        write_files(tmp_path / "m", {"a2b.onnx": b"a model"})


def test_a_file_without_a_card_is_named():
    with pytest.raises(ModelError, match=r"a2b\.onnx has no model card; expected a file that"):
        ModelCard.from_metadata({}, "a2b.onnx")


def test_a_card_of_another_version_is_said(tmp_path):
    [(key, text)] = describe(a_generator(), ("a", "b"), FACTS).to_metadata().items()
    card = json.loads(text) | {"mood": "cheerful"}

    with pytest.raises(ModelError, match=r"cannot read \(mood: Extra inputs"):
        ModelCard.from_metadata({key: json.dumps(card)}, "a2b.onnx")
