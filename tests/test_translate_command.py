import shutil

import numpy as np
import pytest
from fake_models import write_models
from PIL import Image
from starlette.testclient import TestClient

from cyclegan.errors import ModelError, UsageError
from service.app import create_app
from service.settings import ServiceSettings
from service.translate_command import run
from service.translator import Translator


@pytest.fixture
def model(tmp_path):
    return write_models(tmp_path / "models") / "seasons"


@pytest.fixture
def translate(tmp_path, model):
    """`cyclegan translate` to winter, which inverts, with more arguments."""

    def translate(*arguments, out=tmp_path / "out", to="winter"):
        return run(
            [
                "--model",
                str(model),
                "--to",
                to,
                "--out",
                str(out),
                *(str(each) for each in arguments),
            ]
        )

    return translate


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def draw(file, pixels=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 8, 3), 200, np.uint8) if pixels is None else pixels
    Image.fromarray(pixels).save(file)
    return file


def pixels_of(file):
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def format_of(file):
    with Image.open(file) as image:
        return image.format


def files_in(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_a_picture_is_translated(translate, tmp_path, noise, capsys):
    picture = draw(tmp_path / "a.png", noise)

    assert translate(picture) == 0

    np.testing.assert_array_equal(pixels_of(tmp_path / "out/a.png"), 255 - noise)
    assert "1 translated" in capsys.readouterr().err


def test_the_domain_chooses_the_direction(translate, tmp_path, noise):
    translate(draw(tmp_path / "a.png", noise), to="summer")

    np.testing.assert_array_equal(pixels_of(tmp_path / "out/a.png"), noise[..., ::-1])


def test_a_domain_that_the_model_does_not_know_is_told_which_it_does(translate, tmp_path):
    with pytest.raises(UsageError) as caught:
        translate(draw(tmp_path / "a.png"), to="spring")

    assert str(caught.value) == (
        "the model does not translate to 'spring'; it offers --to winter or --to summer"
    )


def test_a_folder_keeps_its_names_and_subfolders(translate, tmp_path):
    for name in ("a.png", "b.JPG", "deep/er/c.webp", "d.jpeg", "x.gif", "y.bmp", "z.tif"):
        draw(tmp_path / "in" / name)
    (tmp_path / "in/notes.txt").touch()
    draw(tmp_path / "in/.hidden.png")
    draw(tmp_path / "in/.cache/e.png")

    assert translate(tmp_path / "in") == 0

    names = ["a.png", "b.JPG", "d.jpeg", "deep/er/c.webp", "x.png", "y.png", "z.png"]
    assert files_in(tmp_path / "out") == names
    formats = [format_of(tmp_path / "out" / name) for name in names]
    assert formats == ["PNG", "JPEG", "JPEG", "WEBP", "PNG", "PNG", "PNG"]


def test_files_that_are_passed_over_are_told_by_their_endings(translate, tmp_path, capsys):
    picture = draw(tmp_path / "in/a.png")
    for name in ("b.HEIC", "c.heic", "notes", ".hidden", "out/former.txt"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()

    translate(picture.parent, picture, picture.parent, out=tmp_path / "in/out")
    assert "3 passed over, which are not named like pictures (.heic, no ending)" in (
        " ".join(capsys.readouterr().err.split())
    )
    translate(picture)
    assert "passed over" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("format", "names", "written"),
    [
        ("png", ["a.png", "b.png"], "PNG"),
        ("jpeg", ["a.jpeg", "b.jpg"], "JPEG"),
        ("webp", ["a.webp", "b.webp"], "WEBP"),
    ],
)
def test_a_format_can_be_chosen(translate, tmp_path, format, names, written):
    draw(tmp_path / "in/a.jpeg")
    draw(tmp_path / "in/b.png")

    translate(tmp_path / "in", "--format", format)

    assert files_in(tmp_path / "out") == names
    assert {format_of(tmp_path / "out" / name) for name in names} == {written}


def test_files_and_folders_can_be_mixed_and_named_twice(translate, tmp_path):
    one, folder = draw(tmp_path / "one.png"), draw(tmp_path / "in/two.png").parent

    assert translate(one, folder, one) == 0

    assert files_in(tmp_path / "out") == ["one.png", "two.png"]


def test_a_bad_file_is_reported_and_the_rest_goes_on(translate, tmp_path, capsys):
    for name in ("a.png", "c.png"):
        draw(tmp_path / "in" / name)
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    (tmp_path / "in/d.png").touch()

    assert translate(tmp_path / "in") == 1

    assert files_in(tmp_path / "out") == ["a.png", "c.png"]
    shown = capsys.readouterr().err
    [line] = [line for line in shown.splitlines() if "b.png" in line]
    assert "no known picture format" in line
    assert "d.png: the picture is empty" in shown
    assert "2 translated" in shown
    assert "2 failed" in shown


def test_a_file_that_cannot_be_written_is_reported(translate, tmp_path, capsys):
    draw(tmp_path / "in/a.png")
    (tmp_path / "out/a.png").mkdir(parents=True)

    assert translate(tmp_path / "in") == 1

    assert "a directory" in capsys.readouterr().err
    assert files_in(tmp_path / "out") == []


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_results_are_written_wholly_or_not_at_all(translate, tmp_path, monkeypatch, capsys, step):
    draw(tmp_path / "in/a.png")
    former = draw(tmp_path / "out/a.png", np.zeros((3, 3, 3), np.uint8)).read_bytes()

    def full(self, _):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(f"pathlib.Path.{step}", full)

    assert translate(tmp_path / "in") == 1
    assert (tmp_path / "out/a.png").read_bytes() == former
    assert files_in(tmp_path / "out") == ["a.png"]
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize(("first", "second"), [("in/a.gif", "in/a.bmp"), ("in/a.png", "on/a.png")])
def test_two_pictures_that_would_become_one_are_refused_up_front(
    translate, tmp_path, first, second
):
    draw(tmp_path / first)
    draw(tmp_path / second)
    folders = {(tmp_path / name).parent for name in (first, second)}

    with pytest.raises(UsageError, match="would both become") as caught:
        translate(*sorted(folders))

    assert first in str(caught.value)
    assert second in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_all_that_would_become_one_is_told_at_once(translate, tmp_path):
    for name in ("a.gif", "a.png", "b.png", "b.tif", "c.png"):
        draw(tmp_path / "in" / name)

    with pytest.raises(UsageError, match="rename one of each") as caught:
        translate(tmp_path / "in")

    assert str(caught.value).count("would both become") == 2


def test_names_of_files_command_no_terminal(translate, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/\x1b[31mred.png").write_bytes(b"no picture")

    translate(tmp_path / "in")

    shown = capsys.readouterr().err
    assert "\x1b[31mred.png" not in shown
    assert r"\x1b[31mred.png: the bytes are of no known picture format" in shown


def test_results_inside_the_folder_are_not_translated_again(translate, tmp_path):
    draw(tmp_path / "in/a.png")

    for _ in range(2):
        assert translate(tmp_path / "in", out=tmp_path / "in/winter") == 0

    assert files_in(tmp_path / "in") == ["a.png", "winter/a.png"]


def test_a_picture_is_never_overwritten_by_its_result(translate, tmp_path, noise):
    picture = draw(tmp_path / "in/a.png", noise)

    with pytest.raises(UsageError, match="the folder of the pictures itself"):
        translate(tmp_path / "in", out=tmp_path / "in")
    with pytest.raises(UsageError, match="would be overwritten"):
        translate(picture, out=tmp_path / "in")
    np.testing.assert_array_equal(pixels_of(picture), noise)


def test_a_folder_of_results_above_the_pictures_is_fine(translate, tmp_path):
    draw(tmp_path / "all/in/a.png")

    assert translate(tmp_path / "all/in", out=tmp_path / "all") == 0

    assert files_in(tmp_path / "all") == ["a.png", "in/a.png"]


def test_nothing_to_translate_is_an_error(translate, tmp_path):
    (tmp_path / "in").mkdir()

    with pytest.raises(UsageError, match="there is no picture in"):
        translate(tmp_path / "in")
    with pytest.raises(UsageError, match="expected a picture or a folder"):
        translate(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="required: PICTURES"):
        translate()


def test_a_picture_keeps_its_size_unless_told_otherwise(translate, tmp_path):
    picture = draw(tmp_path / "a.png", np.zeros((50, 2000, 3), np.uint8))

    translate(picture)
    assert pixels_of(tmp_path / "out/a.png").shape == (50, 2000, 3)

    translate(picture, "--max-edge", "100")
    assert pixels_of(tmp_path / "out/a.png").shape == (2, 100, 3)


def test_a_picture_keeps_its_size_where_the_model_sees_a_smaller_one(translate, tmp_path):
    picture = draw(tmp_path / "a.png", np.full((50, 2000, 3), 200, np.uint8))
    seen = []
    run_model = Translator.translate

    def watched(self, pixels):
        seen.append(pixels.shape)
        return run_model(self, pixels)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Translator, "translate", watched)
        translate(picture, "--model-edge", "100")

    assert seen == [(2, 100, 3)]
    np.testing.assert_array_equal(
        pixels_of(tmp_path / "out/a.png"), np.full((50, 2000, 3), 55, np.uint8)
    )


def test_quality_makes_larger_files(translate, tmp_path, noise):
    picture = draw(tmp_path / "a.jpg", np.tile(noise, (8, 8, 1)))
    sizes = []
    for quality in ("5", "90"):
        translate(picture, "--quality", quality)
        sizes.append((tmp_path / "out/a.jpg").stat().st_size)

    assert sizes[0] < sizes[1]


def test_a_model_that_is_not_there_is_one_line(translate, tmp_path, model):
    shutil.rmtree(model)

    with pytest.raises(ModelError, match="cyclegan export"):
        translate(draw(tmp_path / "a.png"))


def test_a_model_that_fails_on_one_picture_leaves_the_others(
    translate, tmp_path, monkeypatch, capsys
):
    draw(tmp_path / "in/a.png")
    draw(tmp_path / "in/big.png", np.zeros((20, 20, 3), np.uint8))
    from service.translator import Translator

    def short_of_memory(self, pixels):
        if len(pixels) == 20:
            raise ModelError("the model seasons failed on a picture of 20x20 pixels: no memory")
        return pixels

    monkeypatch.setattr(Translator, "translate", short_of_memory)

    assert translate(tmp_path / "in") == 1
    assert files_in(tmp_path / "out") == ["a.png"]
    assert "20x20 pixels: no memory" in capsys.readouterr().err


def test_a_folder_and_the_service_give_the_very_same_bytes(translate, tmp_path, noise):
    picture = draw(tmp_path / "a.jpg", noise)
    translate(picture)
    settings = ServiceSettings(models=tmp_path / "models")

    with TestClient(create_app(settings)) as client:
        answer = client.post(
            "/v1/translate/summer2winter",
            content=picture.read_bytes(),
            headers={"content-type": "image/jpeg"},
        )

    assert answer.content == (tmp_path / "out/a.jpg").read_bytes()
