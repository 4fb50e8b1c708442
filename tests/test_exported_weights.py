"""An exported model holds its generator's weights, to train on from there."""

import onnx
import pytest
import torch
from onnx import TensorProto

from cyclegan.contract import FILE_AB, FILE_BA, TrainingFacts
from cyclegan.errors import ModelError
from cyclegan.export import describe, to_onnx, write_files
from cyclegan.exported_weights import exported_generators
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import initialise

FACTS = TrainingFacts(origin="a test")


def a_generator(**config):
    """One whose norms, if they have weights, have seen pictures."""
    generator = Generator(GeneratorConfig(**({"width": 4, "blocks": 1} | config)))
    initialise(generator, seed=1)
    rng = torch.Generator().manual_seed(1)
    generator.train()(torch.rand(2, 3, 32, 32, generator=rng) * 2 - 1)
    return generator


def exported(generator, *domains):
    return to_onnx(generator, describe(generator, domains, FACTS))


@pytest.fixture(scope="module")
def contents():
    """Of the two files of a model."""
    generator = a_generator()
    there = exported(generator, "photo", "painting")
    back = onnx.load_from_string(there)
    onnx.helper.set_model_props(
        back, describe(generator, ("painting", "photo"), FACTS).to_metadata()
    )
    return {FILE_AB: there, FILE_BA: back.SerializeToString()}


@pytest.fixture
def folder(tmp_path, contents):
    write_files(tmp_path, contents)
    return tmp_path


@pytest.mark.parametrize(
    "config",
    [
        {"block": "separable", "upsampling": "resize", "output": "detail"},
        {"block": "separable", "upsampling": "resize", "output": "retouch"},
        {"block": "separable", "upsampling": "resize", "output": "pyramid"},
        {"block": "separable", "upsampling": "resize", "output": "retouch", "ends": "light"},
        {"upsampling": "shuffle", "downsampling": "average", "norm": "none"},
        {"norm": "batch", "activation": "leaky_relu"},
    ],
)
def test_a_generator_comes_back_to_the_last_bit(folder, config):
    original = a_generator(**config)
    write_files(folder, {FILE_AB: exported(original, "photo", "painting")})

    back, _, domains = exported_generators(folder)

    assert domains == ("photo", "painting")
    assert back.config == original.config
    torch.testing.assert_close(back.state_dict(), original.state_dict(), rtol=0, atol=0)


def spoil(file, change):
    model = onnx.load(file)
    change(model)
    file.write_bytes(model.SerializeToString())


def lose_a_weight(model):
    del model.training_info[:]


def lie_elsewhere(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def lie_in_its_shape(model):
    model.graph.initializer[0].dims[0] += 1


def be_of_another_kind(model):
    model.graph.initializer[0].data_type = 99


@pytest.mark.parametrize(
    "change", [lose_a_weight, lie_elsewhere, lie_in_its_shape, be_of_another_kind]
)
def test_a_model_that_lacks_a_weight_is_refused(folder, change):
    spoil(folder / FILE_AB, change)

    with pytest.raises(ModelError, match=r"a2b\.onnx does not hold all weights of its generator"):
        exported_generators(folder)


def test_a_damaged_file_is_said(folder):
    (folder / FILE_BA).write_bytes(b"no model at all")

    with pytest.raises(ModelError, match=r"b2a\.onnx is damaged, or no ONNX model"):
        exported_generators(folder)


def test_half_a_model_is_said(folder):
    (folder / FILE_BA).unlink()

    with pytest.raises(ModelError, match=r"b2a\.onnx could not be read \(No such file"):
        exported_generators(folder)


def test_two_models_that_are_no_pair_are_refused(folder, contents):
    write_files(folder, {FILE_BA: contents[FILE_AB]})

    with pytest.raises(ModelError, match="photo2painting and photo2painting; expected a translat"):
        exported_generators(folder)
