import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from cyclegan.__main__ import main
from cyclegan.errors import UsageError
from training.settings import Schedule, TrainSettings
from training.train_command import read_settings


def settings(**changes):
    return TrainSettings(**{"run": Path("run")} | changes)


def from_words(*words):
    return read_settings(["--run", "run", *words])


def test_the_defaults_are_the_papers():
    paper = settings()

    assert (paper.crop, paper.load_size, paper.batch, paper.history) == (256, 286, 1, 50)
    assert (paper.weights.cycle, paper.weights.identity) == (10, 0.5)
    assert paper.schedule.learning_rate == 2e-4
    assert paper.networks.generator.width == paper.networks.discriminator.width == 64
    assert paper.networks.generator.blocks == 9


def test_a_preset_changes_what_it_names_and_leaves_the_rest():
    compact = from_words("--preset", "compact")

    assert compact.preset == "compact"

    assert compact.networks.generator.width == 32
    assert compact.networks.generator.block == "separable"
    assert compact.networks.discriminator.width == 64
    assert compact.crop == 256


def test_none_is_a_norm_and_no_missing_value():
    flags = ("--networks.discriminator.norm", "none", "--networks.generator.norm", "none")

    networks = from_words(*flags).networks

    assert networks.discriminator.norm == networks.generator.norm == "none"


def test_a_flag_beside_a_preset_wins_and_only_for_itself():
    tiny = from_words("--preset", "tiny", "--crop", "32", "--networks.generator.blocks", "7")

    assert tiny.crop == 32
    assert tiny.load_size == 72
    assert tiny.networks.generator.blocks == 7
    assert tiny.networks.generator.width == 16


def test_names_are_written_with_a_comma():
    assert from_words("--names", "photo,painting").names == ("photo", "painting")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--crop", "250"], "crop is 250 pixels; it must be a multiple of 4"),
        (["--crop", "8", "--load-size", "8"], "at least 32"),
        (["--crop", "256", "--load-size", "200"], "give --load-size 286 or a smaller --crop"),
        (["--names", "photo,photo"], "both domains are called photo"),
        (["--names", "photo,My Paintings"], "expected 1 to 32 of the characters"),
        (["--names", "photo"], "expected two names with a comma, as summer,winter"),
        (["--names", "a,b,c"], "expected two names with a comma, as summer,winter"),
        (["--seed=-1"], "--seed is '-1': input should be greater than or equal to 0"),
        (["--schedule.constant-epochs", "inf"], "input should be a finite number"),
        (["--batch", "0"], "--batch is '0': input should be greater than 0"),
        (["--bach", "2"], "unrecognized arguments: --bach 2; see cyclegan train --help"),
        (["--preset", "huge"], "--preset is 'huge'"),
        (["--weights.cycle", "0"], "--weights.cycle is '0': input should be greater than 0"),
    ],
)
def test_a_wrong_flag_is_answered_in_one_line(words, message):
    with pytest.raises(UsageError) as caught:
        from_words(*words)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_run_is_named():
    with pytest.raises(UsageError, match="--run is missing"):
        read_settings([])


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        settings().crop = 128


def test_the_rate_is_constant_and_then_falls_in_a_line_to_just_above_zero():
    schedule = Schedule(constant_epochs=2, decay_epochs=2, learning_rate=1.0)

    rates = [schedule.rate(step, steps_per_epoch=2) for step in range(schedule.steps(2))]

    assert rates == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_help_tells_every_flag_with_its_default(capsys):
    with pytest.raises(SystemExit) as caught:
        from_words("--help")

    text = capsys.readouterr().out
    assert caught.value.code == 0
    for flag in (
        "--data",
        "--domain-a",
        "--names",
        "--preset",
        "--steps",
        "--schedule.decay-epochs",
    ):
        assert flag in text
    assert "Side of the square training crops, in pixels. (default: 256)" in " ".join(text.split())


def test_help_needs_no_python_to_be_understood(capsys):
    with pytest.raises(SystemExit):
        from_words("--help")

    text = " ".join(capsys.readouterr().out.split())
    assert "--crop N " in text
    assert "--run PATH " in text
    assert "--names TEXT,TEXT " in text
    assert "if not given. (default: a,b) --recipe PATH" in text
    assert "Folder of domain B. --run PATH" in text
    assert not re.search(PYTHON, text)


PYTHON = r"null|None|tuple|list\[|\b(int|float|str|Path)\b"


@pytest.mark.parametrize(
    "verb",
    ["distill", "compare", "check-data", "export", "evaluate", "translate", "serve"],
)
def test_no_verb_speaks_python_in_its_help(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])

    assert not re.search(PYTHON, capsys.readouterr().out)
