"""What a generator paints can be made stronger or gentler after training."""

import numpy as np
import onnx
import pytest
import torch

from cyclegan.__main__ import main
from cyclegan.contract import FILE_AB, FILE_BA, TrainingFacts
from cyclegan.cpu_session import CpuSession
from cyclegan.errors import UsageError
from cyclegan.export import describe, to_onnx, write_files
from cyclegan.exported_weights import card_of, exported_generators
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import initialise
from cyclegan.retouching import surroundings
from cyclegan.strength import strengthened

PAINTING = [
    {"output": "detail"},
    {"output": "retouch"},
    {"output": "pyramid"},
    {"output": "retouch", "ends": "light"},
]


def a_generator(**config):
    generator = Generator(
        GeneratorConfig(**({"width": 4, "blocks": 1, "upsampling": "resize"} | config))
    )
    initialise(generator, seed=1)
    with torch.no_grad():
        generator.decode[-1].bias.uniform_(-0.1, 0.1)
    return generator.eval()


@pytest.fixture
def images():
    return torch.rand(1, 3, 32, 32) * 1.6 - 0.8


@torch.inference_mode()
def test_what_is_painted_upon_the_colours_of_the_surroundings_is_multiplied(images):
    generator = a_generator(output="detail")
    around = surroundings(images, 4)

    made = strengthened(generator, 1.5)(images)

    expected = torch.tanh(around + 1.5 * (torch.atanh(generator(images)) - around))
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", PAINTING)
@torch.inference_mode()
def test_fine_structure_stays_as_strong_as_it_was(images, config):
    generator = a_generator(**config)
    features = generator.transform(generator.encode(images))
    painted = generator.decode(features)

    stronger = strengthened(generator, 2.0).decode(features)

    torch.testing.assert_close(stronger[:, :3], 2 * painted[:, :3])
    torch.testing.assert_close(stronger[:, 3:], painted[:, 3:], rtol=0, atol=0)


@torch.inference_mode()
def test_one_is_what_was_learned_and_the_generator_itself_stays_as_it_is(images):
    generator = a_generator(output="retouch")
    before = generator(images)

    again, stronger = strengthened(generator, 1.0)(images), strengthened(generator, 3.0)(images)

    torch.testing.assert_close(again, before, rtol=0, atol=0)
    assert not torch.equal(stronger, before)
    torch.testing.assert_close(generator(images), before, rtol=0, atol=0)


def test_a_generator_of_whole_pictures_has_no_strength():
    with pytest.raises(UsageError, match="gives whole pictures"):
        strengthened(a_generator(output="image"), 1.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Made stronger once already; exported once, since that takes seconds."""
    folder = tmp_path_factory.mktemp("models") / "gentle"
    generator, facts = a_generator(output="retouch"), TrainingFacts(origin="a test", strength=1.5)
    there = to_onnx(generator, describe(generator, ("a", "b"), facts))
    back = onnx.load_from_string(there)
    onnx.helper.set_model_props(back, describe(generator, ("b", "a"), facts).to_metadata())
    write_files(folder, {FILE_AB: there, FILE_BA: back.SerializeToString()})
    return folder


def test_a_stronger_model_changes_pictures_more_and_its_card_says_so(model, tmp_path):
    picture = np.random.default_rng(0).integers(64, 192, (32, 32, 3), dtype=np.uint8)

    assert main(["strengthen", str(model), "--b2a", "2", "--out", f"{tmp_path}/new"]) == 0

    assert (tmp_path / "new" / FILE_AB).read_bytes() == (model / FILE_AB).read_bytes()
    before, after = (
        CpuSession((folder / FILE_BA).read_bytes()).translated(picture[None]).astype(float)
        for folder in (model, tmp_path / "new")
    )
    assert abs(after - picture).mean() > abs(before - picture).mean()
    cards = [card_of(tmp_path / "new" / name) for name in (FILE_AB, FILE_BA)]
    assert [card.training.strength for card in cards] == [1.5, 3]
    assert [card.training.origin for card in cards] == ["a test", "a test"]
    expected = strengthened(exported_generators(model)[1], 2.0).state_dict()
    kept = exported_generators(tmp_path / "new")[1].state_dict()
    torch.testing.assert_close(kept, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{model} --a2b 0 --out {out}", "--a2b is '0'"),
        ("{model} --b2a nan --out {out}", "--b2a is 'nan'"),
        ("{model} --b2a 0.4 --out {out}", "--b2a is '0.4'"),
        ("{model} --a2b 1e300 --out {out}", "--a2b is '1e300'"),
        ("{model} --out {out}", "give --a2b or --b2a"),
        ("{model} --b2a 2 --out {model}", "which would be lost"),
        ("{out} --b2a 2 --out {out}/new", "expected a folder that `cyclegan export` wrote"),
    ],
)
def test_it_says_what_was_found_and_what_was_expected(model, tmp_path, capsys, words, message):
    words = words.format(model=model, out=tmp_path / "out")

    assert main(["strengthen", *words.split()]) == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
