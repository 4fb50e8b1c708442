import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.errors import UsageError
from training.check_command import run
from training.duplicates import NEAR_BITS, find_pairs
from training.issues import LEAST_CROP
from training.landscapes import draw_scene
from training.presets import PRESETS
from training.survey import PictureFacts, look_at, survey
from training.train_command import read_settings

SIDE = 32
SIZES = ["--crop", "32", "--load-size", "36"]


def save(file, pixels, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, **options)


def scene(seed, look="A", side=SIDE):
    return draw_scene(seed, side)["AB".index(look)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A data set without fault."""
    folder = tmp_path_factory.mktemp("sound")
    for i in range(100):
        save(folder / "trainA" / f"{i:03d}.png", scene(i, "A"))
        save(folder / "trainB" / f"{i:03d}.png", scene(1000 + i, "B"))
    for i in range(2):
        save(folder / "testA" / f"{i}.png", scene(2000 + i, "A"))
        save(folder / "testB" / f"{i}.png", scene(2000 + i, "B"))
    return folder


@pytest.fixture
def data(sound, tmp_path):
    """A copy of it to spoil."""
    for file in sound.rglob("*.png"):
        link = tmp_path / "data" / file.relative_to(sound)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    return tmp_path / "data"


def check(data, tmp_path, *words):
    """Run the command; give its exit code and what it wrote for machines."""
    facts = tmp_path / "facts.json"
    code = run([str(data), *SIZES, "--json", str(facts), *words])
    return code, json.loads(facts.read_text())


def only_finding(facts):
    [issue] = facts["issues"]
    return issue


@pytest.mark.parametrize("words", [["--data", "DIR"], ["--data=DIR"]])
def test_the_folder_may_be_given_as_to_other_verbs(sound, words):
    assert run([*(word.replace("DIR", str(sound)) for word in words), *SIZES]) == 0


def test_the_least_crop_is_that_of_the_preset_that_needs_least():
    leasts = [read_settings(["--run", "run", "--preset", name]).least_crop for name in PRESETS]

    assert min(leasts) == LEAST_CROP


@pytest.mark.parametrize("crop", ["18", "12"])
def test_a_crop_that_training_refuses_is_refused(sound, crop):
    with pytest.raises(UsageError, match=f"crop is {crop} pixels; training takes multiples of 4"):
        run([str(sound), "--crop", crop, "--load-size", "40"])


def test_names_that_are_no_text_or_command_a_terminal_are_told(data, tmp_path, capsys):
    for name in (b"\xff.heic", b"\x1b[31mred.heic"):
        (data / "testB" / os.fsdecode(name)).write_bytes(b"-")

    _, facts = check(data, tmp_path)

    assert [Path(file).name for file in only_finding(facts)["files"]] == [
        r"\x1b[31mred.heic",
        r"\udcff.heic",
    ]
    assert "\x1b[31m" not in capsys.readouterr().out


def test_a_sound_data_set_can_be_trained_on(sound, tmp_path, capsys):
    code, facts = check(sound, tmp_path)
    assert code == 0
    assert facts["trainable"]
    assert facts["issues"] == []
    assert "nothing to mend" in capsys.readouterr().out


def test_the_facts_are_those_of_the_pictures(tmp_path):
    for folder, sizes in (("a", [(40, 40), (60, 44), (80, 90)]), ("b", [(64, 64)])):
        for i, (width, height) in enumerate(sizes):
            save(tmp_path / folder / f"{i}.png", scene(i, side=96)[:height, :width])
    _, facts = check(tmp_path, tmp_path)
    a = facts["parts"]["trainA"]
    assert (a["smallest"], a["median"], a["largest"]) == ([40, 40], [60, 44], [80, 90])
    assert a["aspects"] == [80 / 90, 60 / 44]
    assert (a["pictures"], a["unreadable"], a["grey"]) == (3, 0, 0)
    assert (a["formats"], a["folder"]) == ({"PNG": 3}, str(tmp_path / "a"))


def test_sizes_are_those_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.jpg", scene(0)[:20], exif=exif)
    facts = look_at("trainA", tmp_path / "a.jpg")
    assert isinstance(facts, PictureFacts)
    assert (facts.width, facts.height) == (20, 32)


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"text", "is no picture")])
def test_an_unreadable_file_stops_training_and_is_named(data, tmp_path, content, reason, capsys):
    (data / "trainB" / "bad.jpg").write_bytes(content)
    code, facts = check(data, tmp_path)
    assert code == 1
    assert not facts["trainable"]
    assert only_finding(facts)["kind"] == "unreadable"
    assert f"trainB/bad.jpg {reason}" in only_finding(facts)["files"][0]
    assert facts["parts"]["trainB"]["unreadable"] == 1
    assert "training would fail" in capsys.readouterr().out


def test_a_file_that_is_cut_short_stops_training(data, tmp_path):
    whole = (data / "trainA" / "000.png").read_bytes()
    (data / "trainA" / "short.png").write_bytes(whole[: len(whole) // 2])
    code, facts = check(data, tmp_path)
    assert code == 1
    assert "short.png" in only_finding(facts)["files"][0]


def test_an_empty_folder_stops_training(data, tmp_path):
    for file in (data / "trainA").iterdir():
        file.unlink()
    code, facts = check(data, tmp_path)
    assert code == 1
    assert only_finding(facts)["kind"] == "no-pictures"
    assert "trainA holds no file" in only_finding(facts)["sentence"]


def test_a_missing_domain_stops_training(data, tmp_path, capsys):
    (data / "trainB").rename(data / "elsewhere")
    code, facts = check(data, tmp_path)
    assert code == 1
    assert facts["parts"] == {}
    assert "no folder trainB" in only_finding(facts)["sentence"]
    assert "training would fail" in capsys.readouterr().out


def test_the_same_file_twice_is_found(data, tmp_path):
    copy = (data / "trainA" / "007.png").read_bytes()
    for name in ("x", "y"):
        (data / "trainA" / f"{name}.png").write_bytes(copy)
    code, facts = check(data, tmp_path)
    assert code == 0
    assert only_finding(facts)["kind"] == "exact-in-one-folder"
    assert only_finding(facts)["sentence"].startswith("2 pictures found again in the same folder")
    assert facts["parts"]["trainA"]["exact_duplicates"] == 2


def jpeg(pixels, file):
    save(file, pixels, quality=60)


def brighter(pixels, file):
    save(file, (255 - (255 - pixels) * 0.8).astype(np.uint8))


def smaller(pixels, file):
    save(file, np.asarray(Image.fromarray(pixels).resize((100, 100))))


def framed(pixels, file):
    save(file, np.pad(pixels, ((1, 1), (1, 1), (0, 0)), constant_values=0))


@pytest.mark.parametrize("change", [jpeg, brighter, smaller, framed])
def test_a_changed_copy_is_found(tmp_path, change):
    original = draw_scene(3, 128)[0]
    save(tmp_path / "a.png", original)
    change(original, tmp_path / "b.jpg" if change is jpeg else tmp_path / "b.png")
    pictures = [look_at("trainA", file) for file in sorted(tmp_path.iterdir())]
    assert [pair.exact for pair in find_pairs(pictures)] == [False]


def test_a_nearly_equal_picture_is_a_finding(data, tmp_path):
    jpeg(scene(7), data / "trainA" / "x.jpg")
    _, facts = check(data, tmp_path)
    assert only_finding(facts)["kind"] == "near-in-one-folder"
    [pair] = only_finding(facts)["files"]
    assert pair.endswith("trainA/x.jpg")
    assert "trainA/007.png = " in pair


def test_a_picture_in_both_domains_is_found(data, tmp_path):
    (data / "trainB" / "x.png").write_bytes((data / "trainA" / "007.png").read_bytes())
    _, facts = check(data, tmp_path)
    assert only_finding(facts)["kind"] == "exact-in-both-domains"
    assert facts["parts"]["trainB"]["exact_duplicates"] == 0


def test_a_picture_in_training_and_test_is_found(data, tmp_path):
    (data / "testA" / "x.png").write_bytes((data / "trainA" / "007.png").read_bytes())
    jpeg(scene(1007, "B"), data / "testB" / "x.jpg")
    _, facts = check(data, tmp_path)
    kinds = {issue["kind"] for issue in facts["issues"]}
    assert kinds == {"exact-in-train-and-test", "near-in-train-and-test"}


@pytest.mark.parametrize(("name", "issues"), [("x", 0), ("y", 1)])
def test_a_test_scene_may_be_in_both_domains_under_the_same_name(data, tmp_path, name, issues):
    save(data / "testA" / "x.png", scene(5000))
    jpeg(scene(5000), data / "testB" / f"{name}.jpg")
    _, facts = check(data, tmp_path)
    assert len(facts["issues"]) == issues


def likeness(bits):
    """A hash in which the first `bits` are set."""
    return np.packbits(np.arange(256) < bits).view(np.uint64)


def fact(bits, part="trainA"):
    name = f"{part}{bits}"
    size = {"width": 8, "height": 8, "format": "PNG", "grey": False}
    return PictureFacts(
        part=part, file=Path(name), digest=name.encode(), likeness=likeness(bits), **size
    )


@pytest.mark.parametrize(("bits", "pairs"), [(NEAR_BITS, 1), (NEAR_BITS + 1, 0)])
def test_pictures_are_alike_up_to_the_limit(bits, pairs):
    assert len(find_pairs([fact(0), fact(bits)])) == pairs


def test_pairs_are_found_across_the_blocks_in_which_they_are_compared(monkeypatch):
    rng = np.random.default_rng(0)
    pictures = [fact(i) for i in range(9)]
    for picture in pictures:
        object.__setattr__(picture, "likeness", rng.integers(0, 2**63, 4, np.uint64))
    object.__setattr__(pictures[8], "likeness", pictures[5].likeness)
    monkeypatch.setattr("training.duplicates._BLOCK", 2)
    [pair] = find_pairs(pictures)
    assert (pair.first, pair.second) == (pictures[5], pictures[8])


def test_many_alike_make_one_pair_each_and_part():
    pictures = [fact(i, part) for part in ("trainA", "trainB") for i in range(20)]
    pairs = find_pairs(pictures)
    assert len(pairs) == 19 + 20 + 19
    assert {(pair.first.part, pair.first.file) for pair in pairs} == {
        ("trainA", Path("trainA0")),
        ("trainB", Path("trainB0")),
    }


def test_no_pictures_make_no_pairs():
    assert find_pairs([]) == []


def test_pictures_that_are_not_square_are_found(data, tmp_path):
    save(data / "trainA" / "tall.png", scene(5000, side=80)[:, :40])
    save(data / "trainA" / "wide.png", scene(5001, side=80)[:40])
    _, facts = check(data, tmp_path)
    assert only_finding(facts)["kind"] == "far-from-square"
    tall, wide = only_finding(facts)["files"]
    assert tall.endswith("tall.png (40 × 80)")
    assert wide.endswith("wide.png (80 × 40)")


def test_pictures_smaller_than_the_crop_are_found(data, tmp_path):
    # One side is long enough.
    save(data / "trainB" / "small.png", scene(5000, "B", side=32)[:22])
    code, facts = check(data, tmp_path)
    assert code == 0
    assert only_finding(facts)["kind"] == "smaller-than-crop"
    # A multiple of 4 that fits, and 36/32 of it.
    assert "--crop 20 --load-size 22" in only_finding(facts)["sentence"]


def test_files_that_are_passed_over_are_told_by_their_endings(data, tmp_path):
    for name in ("1.HEIC", "deep/2.heic", "notes.txt", "LICENCE", ".hidden.heic"):
        (data / "testB" / name).parent.mkdir(exist_ok=True)
        (data / "testB" / name).write_bytes(b"-")

    code, facts = check(data, tmp_path)

    issue = only_finding(facts)
    assert (code, issue["kind"], issue["fatal"]) == (0, "passed-over", False)
    assert (
        "testB: 4 files passed over by name (.heic 2, no ending 1, .txt 1)" in (issue["sentence"])
    )
    assert [Path(file).name for file in issue["files"]] == [
        "1.HEIC",
        "LICENCE",
        "2.heic",
        "notes.txt",
    ]


def test_few_pictures_are_found(data, tmp_path):
    (data / "trainA" / "007.png").unlink()
    _, facts = check(data, tmp_path)
    assert only_finding(facts)["kind"] == "few"
    assert only_finding(facts)["sentence"].startswith("trainA holds 99 pictures")


def test_domains_of_very_different_size_are_found(data, tmp_path):
    for i in range(80):
        (data / "trainA" / f"{i:03d}.png").unlink()
    _, facts = check(data, tmp_path)
    [unbalanced] = [f for f in facts["issues"] if f["kind"] == "unbalanced"]
    assert unbalanced["sentence"].startswith("trainB holds 5.0 times as many pictures as trainA")


def test_grey_pictures_among_coloured_ones_are_found(data, tmp_path):
    grey = np.asarray(Image.fromarray(scene(5000)).convert("L"))
    save(data / "trainA" / "grey.png", grey)
    _, facts = check(data, tmp_path)
    assert only_finding(facts)["kind"] == "grey"
    assert only_finding(facts)["files"][0].endswith("grey.png")


def test_a_grey_domain_is_as_it_should_be(data, tmp_path):
    for file in (data / "trainB").iterdir():
        grey = Image.open(file).convert("L")
        file.unlink()
        grey.save(file)
    _, facts = check(data, tmp_path)
    assert facts["parts"]["trainB"]["grey"] == 100
    assert facts["issues"] == []


def test_what_stops_training_comes_first(data, tmp_path):
    (data / "trainA" / "007.png").unlink()
    (data / "testB" / "bad.jpg").touch()
    _, facts = check(data, tmp_path)
    assert [issue["fatal"] for issue in facts["issues"]] == [True, False]


def test_two_folders_can_be_named(sound, tmp_path):
    folders = ["--domain-a", str(sound / "trainA"), "--domain-b", str(sound / "trainB")]
    assert run([*folders, *SIZES]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no pictures are named"),
        (["--domain-a", "x"], "without --domain-b"),
        (["x", "--crop", "300"], "less than the crop of 300"),
        (["x", "--crop", "0"], "--crop is '0'"),
        (["x", "--colour", "red"], "see cyclegan check-data --help"),
    ],
)
def test_wrong_usage_is_one_line(words, message):
    with pytest.raises(UsageError, match=message) as caught:
        run(words)
    assert "\n" not in str(caught.value)


def test_facts_that_cannot_be_written_are_wrong_usage(sound, tmp_path):
    with pytest.raises(UsageError, match=r"facts\.json cannot be written .* another --json"):
        run([str(sound), *SIZES, "--json", str(tmp_path / "nowhere" / "facts.json")])


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_report_fits_the_terminal(data, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for i in range(7):
        (data / "trainB" / f"bad{i}.jpg").touch()
    assert run([str(data), *SIZES]) == 1
    report = capsys.readouterr().out
    assert max(map(len, report.splitlines())) <= columns
    assert "and 2 more (--json FILE names all)" in report


def test_file_names_with_brackets_are_shown_as_they_are(data, capsys):
    (data / "trainB" / "[red]x.jpg").touch()
    run([str(data), *SIZES])
    assert "trainB/[red]x.jpg is empty" in capsys.readouterr().out


def test_a_survey_keeps_the_order_of_the_files(sound):
    files = sorted((sound / "trainA").iterdir())
    assert [facts.file for facts in survey("trainA", files)] == files
