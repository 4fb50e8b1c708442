"""Pictures from the test suites of other projects, where the folder of them is there."""

import csv
from pathlib import Path

import pytest
from fake_models import write_models
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import ServiceSettings

PICTURES = Path(__file__).parents[2] / "shared/data/hostile-images"
REFUSED = {400, 413, 415, 422}
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


def labels():
    with (PICTURES / "manifest.tsv").open() as file:
        return {row["path"]: row["expect"] for row in csv.DictReader(file, delimiter="\t")}


@pytest.fixture(scope="module")
def statuses(tmp_path_factory):
    models = write_models(tmp_path_factory.mktemp("models"))
    with TestClient(create_app(ServiceSettings(models=models))) as client:
        return {path: status_of(client, path) for path in labels()}


def status_of(client, path):
    # PNG: the alpha of a picture is written as well.
    url = "/v1/translate/summer2winter?format=png"
    headers = {"content-type": "application/octet-stream"}
    return client.post(url, content=(PICTURES / path).read_bytes(), headers=headers).status_code


def test_there_are_as_many_as_the_manifest_says(statuses):
    assert len(statuses) == 1428


@pytest.mark.parametrize("expectation", sorted(EXPECTED))
def test_hostile_pictures_are_answered_as_their_label_says(statuses, expectation):
    wrong = {
        path: statuses[path]
        for path, label in labels().items()
        if label == expectation
        and statuses[path] not in WRONG_LABELS.get(path, EXPECTED[expectation])
    }

    assert wrong == {}
