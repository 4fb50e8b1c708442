from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from fake_models import (
    write_choosy,
    write_floats,
    write_inverting,
    write_leading_elsewhere,
    write_models,
    write_pooling,
    write_swapping,
    write_turning,
    write_without_card,
)

from cyclegan.errors import ModelError
from service.catalogue import Catalogue, load_model
from service.engine import Engine
from service.errors import UnknownTranslation
from service.translator import Translator

ENGINE = Engine("cpu", threads=1)


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def test_a_translator_gives_what_its_model_computes(tmp_path, noise):
    inverting = Translator.load(write_inverting(tmp_path / "m" / "a2b.onnx"), ENGINE)
    swapping = Translator.load(write_swapping(tmp_path / "m" / "b2a.onnx"), ENGINE)

    np.testing.assert_array_equal(inverting.translate(noise), 255 - noise)
    np.testing.assert_array_equal(swapping.translate(noise), noise[..., ::-1])


def test_a_translator_knows_what_it_is(tmp_path):
    file = write_inverting(tmp_path / "seasons" / "a2b.onnx")

    translator = Translator.load(file, ENGINE)

    assert translator.card.translation == "summer2winter"
    assert translator.model == "seasons"
    assert translator.provider == "cpu"
    assert translator.sha256 == sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def pooling(tmp_path):
    return Translator.load(write_pooling(tmp_path / "m" / "a2b.onnx"), ENGINE)


def test_a_picture_that_fits_is_not_padded(pooling):
    pixels = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)

    blocks = pixels.reshape(2, 4, 3, 4, 3).max(axis=(1, 3))

    np.testing.assert_array_equal(pooling.translate(pixels), blocks.repeat(4, 0).repeat(4, 1))


def test_missing_pixels_are_reflected(pooling):
    # Nine columns become twelve: column 8 is the mirror, so columns 9, 10, 11 repeat 7, 6, 5.
    pixels = np.zeros((8, 9, 3), np.uint8)
    pixels[:, 5] = 40
    pixels[:, 8] = 10

    result = pooling.translate(pixels)

    assert result.shape == (8, 9, 3)
    assert result[0, :, 0].tolist() == [0] * 4 + [40] * 4 + [40]


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 1), (1, 40), (40, 1), (3, 3), (5, 7), (7, 8), (8, 8), (9, 9)]
)
def test_every_size_comes_back_in_its_size(pooling, size):
    pixels = np.full((*size, 3), 77, np.uint8)

    np.testing.assert_array_equal(pooling.translate(pixels), pixels)


def test_threads_do_not_mix_their_pictures(pooling):
    pictures = [np.full((8 + i % 5, 8 + i % 3, 3), i, np.uint8) for i in range(64)]

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(pooling.translate, pictures))

    for picture, result in zip(pictures, results, strict=True):
        np.testing.assert_array_equal(result, picture)


def test_a_damaged_file_is_one_line(tmp_path):
    file = write_inverting(tmp_path / "m" / "a2b.onnx")
    whole = file.read_bytes()

    for data in (b"", b"nonsense", whole[: len(whole) // 2]):
        file.write_bytes(data)
        with pytest.raises(ModelError, match=r"a2b.onnx is damaged, or no ONNX model") as caught:
            Translator.load(file, ENGINE)
        assert "\n" not in str(caught.value)


def test_a_model_without_a_card_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"a2b.onnx has no model card"):
        Translator.load(write_without_card(tmp_path / "m" / "a2b.onnx"), ENGINE)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        Translator.load(tmp_path / "a2b.onnx", ENGINE)


def test_a_model_that_breaks_its_promise_is_refused_when_it_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("fake_models.INPUT", "picture")

    with pytest.raises(ModelError, match="does not do what its card promises"):
        Translator.load(write_inverting(tmp_path / "m" / "a2b.onnx"), ENGINE)


@pytest.mark.parametrize("write", [write_turning, write_floats])
def test_what_is_no_picture_of_the_same_size_is_no_translation(tmp_path, write):
    with pytest.raises(ModelError, match=r"card promises \(the model m made .*; expected bytes of"):
        Translator.load(write(tmp_path / "m" / "a2b.onnx"), ENGINE)


@pytest.mark.parametrize("size", [(1, 2), (8, 8)])
def test_a_model_for_one_size_or_one_picture_is_refused(tmp_path, size):
    with pytest.raises(ModelError, match="does not do what its card promises"):
        Translator.load(write_choosy(tmp_path / "m" / "a2b.onnx", size), ENGINE)


def test_several_pictures_are_translated_as_each_alone(pooling):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)

    together = pooling.run(pictures)

    for picture, result in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(pooling.translate(picture), result)


def test_the_engine_may_want_larger_steps_than_the_model(pooling):
    on_gpu = replace(pooling, engine=Engine("cuda", 1))

    assert pooling.padded_size(9, 64) == (12, 64)
    assert on_gpu.padded_size(9, 64) == (64, 64)
    assert on_gpu.padded_size(65, 256) == (128, 256)


@pytest.mark.parametrize("inside", ["initializer", "constant"])
@pytest.mark.parametrize("location", ["beside", "../beside", "/etc/hostname", "nowhere"])
def test_a_model_that_leads_to_other_files_is_refused(tmp_path, monkeypatch, location, inside):
    for folder in (tmp_path, tmp_path / "m"):
        folder.mkdir(exist_ok=True)
        (folder / "beside").write_bytes(b"secret")
    monkeypatch.chdir(tmp_path / "m")  # where both engines look
    file = write_leading_elsewhere(tmp_path / "m" / "a2b.onnx", location, inside)

    with pytest.raises(ModelError, match=r"m/a2b.onnx leads to other files; expected one that"):
        Translator.load(file, ENGINE)


def test_a_catalogue_finds_both_directions(tmp_path):
    catalogue = Catalogue.load(write_models(tmp_path), ENGINE)

    assert catalogue.translations == ["summer2winter", "winter2summer"]
    assert catalogue.find("winter2summer").card.source == "winter"
    assert catalogue.find("seasons:winter2summer") is catalogue.find("winter2summer")


def test_of_two_models_the_first_by_name_has_the_short_name(tmp_path):
    for name in ("zebra", "bee", "ant", "yak"):
        write_inverting(tmp_path / name / "a2b.onnx")

    catalogue = Catalogue.load(tmp_path, ENGINE)

    assert catalogue.translations == [
        "summer2winter",
        "bee:summer2winter",
        "yak:summer2winter",
        "zebra:summer2winter",
    ]
    assert catalogue.find("summer2winter").model == "ant"
    assert catalogue.find("zebra:summer2winter").model == "zebra"
    assert [catalogue.names_of(each) for each in catalogue.translators] == [
        ["summer2winter", "ant:summer2winter"],
        ["bee:summer2winter"],
        ["yak:summer2winter"],
        ["zebra:summer2winter"],
    ]


def test_an_unknown_translation_is_told_what_there_is(tmp_path):
    catalogue = Catalogue.load(write_models(tmp_path), ENGINE)

    with pytest.raises(UnknownTranslation, match=r"'x2y'; on offer: summer2winter, winter2summer"):
        catalogue.find("x2y")


def test_without_a_model_there_is_the_way_to_one(tmp_path):
    (tmp_path / "empty").mkdir()
    write_inverting(tmp_path / ".hidden" / "a2b.onnx")
    (tmp_path / "README").touch()

    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match="cyclegan export"):
            Catalogue.load(folder, ENGINE)
    with pytest.raises(ModelError, match="cyclegan export"):
        load_model(tmp_path / "empty", ENGINE)


def test_two_files_of_one_direction_are_no_model(tmp_path):
    write_inverting(tmp_path / "a2b.onnx")
    write_inverting(tmp_path / "b2a.onnx")

    with pytest.raises(ModelError, match=r"both files of .* translate summer2winter"):
        load_model(tmp_path, ENGINE)


def test_a_folder_is_called_by_its_name_however_it_is_reached(tmp_path, monkeypatch):
    write_inverting(tmp_path / "seasons" / "a2b.onnx")
    (tmp_path / "seasons" / "inner").mkdir()

    for place, words in (("seasons", "."), ("seasons/inner", ".."), (".", "seasons/inner/..")):
        monkeypatch.chdir(tmp_path / place)
        assert Translator.load(Path(words) / "a2b.onnx", ENGINE).model == "seasons"


def test_two_links_to_one_folder_are_two_models(tmp_path):
    write_inverting(tmp_path / "stored" / "a2b.onnx")
    for name in ("first", "second"):
        (tmp_path / "models" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "models" / name).symlink_to(tmp_path / "stored")

    catalogue = Catalogue.load(tmp_path / "models", ENGINE)

    assert [translator.model for translator in catalogue.translators] == ["first", "second"]
