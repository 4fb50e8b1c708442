"""A recipe holds flags in a file; the user's own win."""

import re
import subprocess
from pathlib import Path

import pytest

from cyclegan.errors import UsageError
from training import distill_command
from training.train_command import read_settings

ROOT = Path(__file__).parents[1]
READERS = {"train": read_settings, "distill": distill_command.read_settings}
RECIPES = {model: list((ROOT / "recipes").glob(f"{model}*.toml")) for model in ("season", "monet")}


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        file = tmp_path / "recipe.toml"
        file.write_text(text)
        return ["--run", "run", "--recipe", str(file)]

    return write


def test_what_a_recipe_says_is_what_its_flags_would_say(recipe):
    words = recipe(
        'names = ["photo", "painting"]\npreset = "compact"\ncrop = 128\nload_size = 143\n'
        "flip = false\n[weights]\ncycle = 5.5\n[networks.discriminator]\nlayers = 2\n"
    )
    flags = (
        "--names photo,painting --preset compact --crop 128 --load-size 143 --no-flip "
        "--weights.cycle 5.5 --networks.discriminator.layers 2 --run run"
    )

    by_recipe, by_flags = read_settings(words), read_settings(flags.split())

    assert by_recipe.model_copy(update={"recipe": None}) == by_flags
    assert by_recipe.networks.generator.width == 32


def test_a_flag_beside_a_recipe_wins(recipe):
    words = recipe('preset = "compact"\ncrop = 128\nflip = false\n')

    mine = read_settings([*words, "--crop", "64", "--flip", "--preset", "tiny"])

    assert (mine.crop, mine.flip, mine.preset) == (64, True, "tiny")


@pytest.mark.parametrize("file", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_the_recipes_of_the_project_are_valid(file):
    verb = "distill" if "teacher =" in file.read_text() else "train"

    settings = READERS[verb](["--recipe", str(file), "--run", "run", "--data", "data"])

    assert settings.preset in {"compact", "light", "pyramid"}


@pytest.mark.parametrize("model", ["season", "monet"])
def test_one_command_trains_a_bundled_model_stage_by_stage(model):
    words = ["make", "-n", "-C", str(ROOT), model, "DATA=pictures"]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"(?m)^\.venv/bin/cyclegan (.*)$", printed)

    made = set()
    for verb, *words in map(str.split, commands):
        if verb in READERS:
            settings = READERS[verb](words)
            begun = {str(settings.start_from), str(getattr(settings, "teacher", None))} - {"None"}
            assert begun <= made, f"{words} begins with nothing made before"
            assert str(settings.data) == "pictures"
            made.add(str(settings.run))
        else:
            if verb == "strengthen":
                words = ["--run", *words]  # the model stands there by itself
            flags = dict(zip(words[::2], words[1::2], strict=True))
            assert verb in {"export", "strengthen"}
            assert flags["--run"] in made
            made.add(flags["--out"])
    assert made >= {f"models/{model}", *(f"runs/{file.stem}" for file in RECIPES[model])}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop = ", "is no TOML"),
        ("crops = 5", "unrecognized arguments: --crops"),
        ("crop = 250", "crop is 250 pixels"),
    ],
)
def test_a_wrong_recipe_is_answered_with_a_sentence(recipe, text, message):
    with pytest.raises(UsageError, match=message):
        read_settings(recipe(text))


def test_a_missing_recipe_is_named():
    with pytest.raises(UsageError, match=r"--recipe nowhere.toml cannot be read \(No such file"):
        read_settings(["--run", "run", "--recipe", "nowhere.toml"])


def test_bytes_that_are_no_text_are_no_recipe(tmp_path):
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match="is no TOML"):
        read_settings(["--run", "run", "--recipe", str(tmp_path / "recipe.toml")])
