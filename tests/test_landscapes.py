import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from cyclegan.errors import UsageError
from training import draw_command
from training.landscapes import draw_dataset, draw_scene
from training.palettes import Mood, summer, winter

NOON = Mood(0, 0, 0, (244, 230, 200), (176, 70, 52), (236, 74, 86))


def difference(one, other):
    """Mean absolute difference; 1 is from black to white."""
    return np.abs(one.astype(float) - other).mean() / 255


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(seed, 64) for seed in range(60)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landscapes")
    draw_dataset(folder, side=32, train=12, test=3, seed=5)
    return folder


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def pictures(folder):
    return [np.asarray(Image.open(file)) for file in sorted(folder.iterdir())]


def test_both_looks_have_the_size_that_was_asked_for():
    for picture in draw_scene(0, 48):
        assert picture.shape == (48, 48, 3)
        assert picture.dtype == np.uint8


def test_a_scene_is_the_same_in_every_process():
    code = (
        "import sys; from training.landscapes import draw_scene; "
        "sys.stdout.buffer.write(b''.join(p.tobytes() for p in draw_scene(7, 32)))"
    )
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        drawn = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True
        )
        assert drawn.stdout == b"".join(p.tobytes() for p in draw_scene(7, 32))


def test_scenes_differ(scenes):
    for a, b in pairwise(scenes):
        assert difference(a[0], b[0]) > 0.02
        assert difference(a[1], b[1]) > 0.02


def test_the_looks_of_a_scene_differ_by_a_fifth_of_the_range_or_more(scenes):
    assert np.mean([difference(a, b) for a, b in scenes]) > 0.2


def test_any_other_winter_picture_is_a_bad_translation(scenes):
    """Half of the untranslated picture's error is what learning is measured by."""
    untranslated = np.mean([difference(a, b) for a, b in scenes])
    other = np.mean([difference(scenes[i][1], scenes[i - 1][1]) for i in range(len(scenes))])
    assert other > 0.6 * untranslated


def outlines(picture):
    grey = picture.astype(float).mean(axis=2)
    return np.hypot(*np.gradient(grey)) > 12


def test_both_looks_share_their_outlines():
    in_summer, in_winter = (outlines(picture) for picture in draw_scene(3, 128))
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    near_summers = np.any([np.roll(in_summer, step, (0, 1)) for step in steps], axis=0)
    assert (near_summers & in_winter).sum() > 0.8 * in_winter.sum()


@pytest.mark.parametrize(
    "change", [{"evening": 1}, {"ripeness": 1}, {"wood": 1}, {"wall": (196, 74, 58)}]
)
def test_what_changes_summer_changes_winter_too(change):
    other = Mood(**{**NOON.__dict__, **change})
    assert summer(other) != summer(NOON)
    assert winter(other) != winter(NOON)


@pytest.mark.parametrize("look", [summer, winter])
@pytest.mark.parametrize("evening", [0, 1])
def test_what_touches_can_be_told_apart(look, evening):
    colours = look(Mood(**{**NOON.__dict__, "evening": evening}))
    touching = [
        ("meadow", "lake"), ("meadow", "crown"), ("meadow", "fir"), ("meadow", "path"),
        ("sky_low", "mountain"), ("sky_high", "cloud"), ("wall", "roof"), ("lake", "glint"),
    ]  # fmt: skip
    for one, other in touching:
        distance = np.abs(np.subtract(getattr(colours, one), getattr(colours, other))).max()
        assert distance >= 24, (one, other)


def test_a_data_set_has_the_pictures_that_were_asked_for(dataset):
    assert names(dataset) == ["testA", "testB", "trainA", "trainB"]
    assert len(names(dataset / "trainA")) == len(names(dataset / "trainB")) == 12
    assert names(dataset / "testA") == ["00000.png", "00001.png", "00002.png"]


def test_test_pictures_of_one_name_are_the_two_looks_of_one_scene(dataset):
    assert names(dataset / "testA") == names(dataset / "testB")
    drawn = [draw_scene(15 * 100_000 + i, 32) for i in range(3)]
    for i, (a, b) in enumerate(drawn):
        np.testing.assert_array_equal(pictures(dataset / "testA")[i], a)
        np.testing.assert_array_equal(pictures(dataset / "testB")[i], b)


def test_no_scene_is_in_two_of_the_folders_for_training_and_test(tmp_path, monkeypatch):
    drawn = []

    def note(seed, side):
        drawn.append(seed)
        return draw_scene(seed, side)

    monkeypatch.setattr("training.landscapes.draw_scene", note)
    for seed in (0, 1):
        draw_dataset(tmp_path / str(seed), side=16, train=4, test=2, seed=seed)
    assert len(drawn) == len(set(drawn)) == 2 * (4 + 4 + 2)


def test_the_test_scenes_stay_when_there_is_more_to_train_on(dataset, tmp_path):
    draw_dataset(tmp_path, side=32, train=13, test=3, seed=5)
    for name in ("testA", "trainA", "trainB"):
        for one, other in zip(pictures(dataset / name), pictures(tmp_path / name), strict=False):
            np.testing.assert_array_equal(one, other)


def test_another_seed_draws_other_scenes(dataset, tmp_path):
    draw_dataset(tmp_path, side=32, train=1, test=1, seed=6)
    assert difference(pictures(dataset / "testA")[0], pictures(tmp_path / "testA")[0]) > 0.02


def test_the_command_draws_and_says_what(tmp_path, capsys):
    out = tmp_path / "data"
    assert draw_command.run(["--out", str(out), "--train", "2", "--test", "1", "--side", "16"]) == 0
    assert len(pictures(out / "trainB")) == 2
    drew = f"drew 2 summer and 2 winter pictures and 1 test scenes of 16 pixels in {out}\n"
    assert capsys.readouterr().out == drew


def test_the_command_touches_no_folder_with_something_in_it(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty; give another --out"):
        draw_command.run(["--out", str(tmp_path)])
    assert names(tmp_path) == ["mine.txt"]


def test_the_command_refuses_a_file_as_its_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        draw_command.run(["--out", str(tmp_path / "file")])


@pytest.mark.parametrize("words", [["--side", "8"], ["--train", "0"], ["--seed", "-1"]])
def test_the_command_refuses_sizes_and_counts_that_make_no_sense(tmp_path, words):
    with pytest.raises(UsageError, match=words[0]):
        draw_command.run(["--out", str(tmp_path / "data"), *words])


def test_a_drawing_that_fails_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full_disk(seed, side):
        if seed == 1:
            raise OSError(28, "No space left on device")
        return draw_scene(seed, side)

    monkeypatch.setattr("training.landscapes.draw_scene", full_disk)
    with pytest.raises(UsageError, match="No space left on device"):
        draw_command.run(["--out", str(tmp_path / "data"), "--side", "16"])
    assert not (tmp_path / "data").exists()
