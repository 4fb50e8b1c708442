"""What the seeded generator of hostile files makes, sent to the service in every way."""

import json
import sys
from pathlib import Path

import pytest
from hostile_answers import AT_ONCE, REFUSED, answers
from hostile_files import FORMATS, hostile_files
from reading_memory import growth_of_reading_all

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import hostile

EXPECTED = {
    "accept": {200},
    "upright": {200},
    "no5xx": {200, *REFUSED},
    "reject_bomb": {422},
    "reject_type": {415},
}

# As the service has it, see `service.images`; pytest makes errors of warnings.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The answers of a service that has one request at a time."""
    return answers(tmp_path_factory.mktemp("alone"), hostile_files(), "threads", 1)


def test_there_are_more_than_three_hundred_and_they_are_always_the_same():
    files = hostile_files()

    assert len({file.name for file in files}) == len(files) > 300
    assert min(of_each_format(files)) > 40
    assert hostile_files.__wrapped__() == files


def of_each_format(files):
    """How many there are that differ."""
    different = {(file.data, file.declared, file.filename): file.name.lower() for file in files}
    names = list(different.values())
    return [sum(name.startswith(each.lower()) for name in names) for each in FORMATS]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("isolation", ["threads", "process"])
def test_three_hundred_of_every_format_are_answered_as_their_labels_say(tmp_path, isolation):
    files = [file for seed in range(7) for file in hostile_files(seed)]
    given = answers(tmp_path, files, isolation, AT_ONCE)

    wrong = [
        (file.name, answer.status)
        for file, answer in zip(files, given, strict=True)
        if answer.status not in EXPECTED[file.expect]
    ]
    assert min(of_each_format(files)) >= 300
    assert wrong == []


@pytest.mark.parametrize("expectation", sorted(EXPECTED))
def test_hostile_files_are_answered_as_their_label_says(alone, expectation):
    wrong = {
        file.name: answer.status
        for file, answer in zip(hostile_files(), alone, strict=True)
        if file.expect == expectation and answer.status not in EXPECTED[expectation]
    }

    assert wrong == {}


def test_what_is_accepted_comes_back_upright_and_in_its_size(alone):
    wrong = {
        file.name: answer.size
        for file, answer in zip(hostile_files(), alone, strict=True)
        if file.expect in ("accept", "upright") and answer.size != file.size
    }

    assert wrong == {}


@pytest.mark.parametrize(
    ("isolation", "clients"), [("threads", AT_ONCE), ("process", 1), ("process", AT_ONCE)]
)
def test_the_answers_are_the_same_all_at_once_and_in_processes(alone, tmp_path, isolation, clients):
    others = answers(tmp_path, hostile_files(), isolation, clients)

    different = {
        file.name: (answer.status, other.status)
        for file, answer, other in zip(hostile_files(), alone, others, strict=True)
        if answer != other
    }
    assert different == {}


def test_bombs_are_refused_without_memory_for_them():
    bombs = [file.data for file in hostile_files() if file.expect == "reject_bomb"]

    assert growth_of_reading_all(bombs, 1024) < 64


def test_no_hostile_file_takes_more_memory_than_a_picture_may():
    assert growth_of_reading_all([file.data for file in hostile_files()], 1024) < 256


def test_the_benchmark_of_hostile_pictures_tells_what_became_of_each(tmp_path, capsys):
    names = ("JPEG", "PDF", "PNG 60000²")
    for file in hostile_files():
        if file.name in names:
            (tmp_path / file.name).write_bytes(file.data)
    rows = ["path\texpect", *(f"{name}\tno5xx" for name in names)]
    (tmp_path / "manifest.tsv").write_text("\n".join(rows))
    report = tmp_path / "report.json"

    assert hostile.main(["--pictures", str(tmp_path), "--json", str(report)]) == 0

    [kind] = json.loads(report.read_text())["kinds"]
    assert [reading["status"] for reading in kind["readings"]] == [200, 415, 422]
    assert 0 <= kind["mib"] < 64
    assert "no5xx       3   1 × 200, 1 × 415, 1 × 422" in capsys.readouterr().out


def test_the_benchmark_of_hostile_pictures_wants_a_manifest(tmp_path, capsys):
    assert hostile.main(["--pictures", str(tmp_path)]) == 2

    assert "choose the folder with --pictures" in capsys.readouterr().err
