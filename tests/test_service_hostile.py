"""Pictures from the test suites of other projects, where the folder of them is there."""

import csv
from pathlib import Path

import pytest
from hostile_answers import AT_ONCE, REFUSED, answers
from hostile_files import HostileFile

PICTURES = Path(__file__).parents[2] / "shared/data/hostile-images"
EXPECTED = {
    "accept": {200},
    "accept_mode": {200},
    "accept_orient": {200},
    "no5xx": {200, *REFUSED},
    "reject_bomb": REFUSED,
    "reject_corrupt_pref": REFUSED,
    "reject_type": {415, 422},
}
WRONG_LABELS = {
    # The header announces 11330x446 pixels, of which the file has five bytes: it is cut short.
    "accept/015e80ee18b30511.webp": {422},
    # The bomb is the second picture of an animation; the first is sound, has 100x100 pixels, and
    # is the only one that is read.
    "reject_bomb/e6c8a34e09874ac1.gif": {200},
}

pytestmark = [
    pytest.mark.skipif(not PICTURES.is_dir(), reason=f"there is no {PICTURES}"),
    # As the service has it, see `service.images`; pytest makes errors of warnings.
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
]


@pytest.fixture(scope="module")
def files():
    with (PICTURES / "manifest.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        HostileFile(row["path"], (PICTURES / row["path"]).read_bytes(), row["expect"])
        for row in rows
    ]


@pytest.fixture(scope="module")
def alone(files, tmp_path_factory):
    """The answers of a service that has one request at a time."""
    return answers(tmp_path_factory.mktemp("alone"), files, "threads", 1)


def test_there_are_as_many_as_the_manifest_says(files):
    assert len(files) == 1428


@pytest.mark.parametrize("expectation", sorted(EXPECTED))
def test_hostile_pictures_are_answered_as_their_label_says(files, alone, expectation):
    wrong = {
        file.name: answer.status
        for file, answer in zip(files, alone, strict=True)
        if file.expect == expectation
        and answer.status not in WRONG_LABELS.get(file.name, EXPECTED[expectation])
    }

    assert wrong == {}


@pytest.mark.parametrize("isolation", ["threads", "process"])
def test_the_answers_are_the_same_all_at_once(files, alone, tmp_path, isolation):
    others = answers(tmp_path, files, isolation, AT_ONCE)

    different = {
        file.name: (answer.status, other.status)
        for file, answer, other in zip(files, alone, others, strict=True)
        if answer != other
    }
    assert different == {}
