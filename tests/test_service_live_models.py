import asyncio
import shutil
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fake_models import write_inverting, write_models, write_pooling, write_swapping
from PIL import Image
from starlette.testclient import TestClient

from cyclegan.contract import FILE_AB, FILE_BA
from cyclegan.errors import ModelError
from service import live_models
from service.app import create_app
from service.catalogue import Catalogue, load_model
from service.engine import Engine
from service.live_models import LiveModels
from service.pipeline import read
from service.settings import ServiceSettings

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
INVERTED, SWAPPED = 255 - PIXELS, PIXELS[..., ::-1]


@pytest.fixture
def folder(tmp_path):
    return write_models(tmp_path / "models")


@pytest.fixture
def notes():
    return []


@pytest.fixture
def live(folder, notes, caplog):
    caplog.set_level("INFO")
    return LiveModels(folder, Catalogue.load(folder, Engine("cpu", 1)), notes.append)


def settled(live):
    """The catalogue after two looks at the folder, of which the second sees the same."""
    live.refresh()
    return live.refresh()


def replace(file, write):
    """Write a model wholly or not at all, as writers should."""
    write(file.with_name(".new"))
    file.with_name(".new").replace(file)


def result(catalogue, name="summer2winter"):
    return catalogue.find(name).translate(PIXELS)


def test_where_nothing_changes_nothing_is_loaded(live, notes):
    first = live.refresh()

    assert settled(live) is first
    assert notes == []


def test_a_changed_file_is_taken_over_once_nobody_writes_at_it(live, folder, notes):
    before = live.refresh()
    replace(folder / "seasons" / FILE_AB, lambda file: write_swapping(file, "summer", "winter"))

    assert live.refresh() is before  # it may still be written
    after = live.refresh()

    np.testing.assert_array_equal(result(before), INVERTED)  # as a request that has begun does
    np.testing.assert_array_equal(result(after), SWAPPED)
    assert live.refresh() is after
    assert notes == ["taken"]


def test_a_file_that_grows_is_left_alone_until_it_is_whole(live, folder, notes):
    before, file = live.refresh(), folder / "seasons" / FILE_AB
    whole = write_swapping(folder.parent / "other.onnx", "summer", "winter").read_bytes()

    for size in range(100, len(whole), 100):
        file.write_bytes(whole[:size])
        assert live.refresh() is before
    file.write_bytes(whole)

    np.testing.assert_array_equal(result(settled(live)), SWAPPED)
    assert notes == ["taken"]


def test_a_broken_file_is_reported_and_the_former_model_stays_until_it_is_mended(
    live, folder, notes, caplog
):
    file = folder / "seasons" / FILE_AB
    whole = write_swapping(folder.parent / "other.onnx", "summer", "winter").read_bytes()

    file.write_bytes(whole[: len(whole) // 2])
    broken = settled(live)
    settled(live)

    assert broken.broken == ("seasons",)
    np.testing.assert_array_equal(result(broken), INVERTED)
    [line] = [each.getMessage() for each in caplog.records if "refused" in each.getMessage()]
    assert "is damaged, or no ONNX model" in line
    assert "\n" not in line
    assert notes == ["refused"]

    file.write_bytes(whole)
    mended = settled(live)

    assert mended.broken == ()
    np.testing.assert_array_equal(result(mended), SWAPPED)
    assert notes == ["refused", "taken"]


def test_only_what_has_changed_is_loaded_again(live, folder):
    before = live.refresh()
    write_pooling(folder / "tiles" / FILE_AB)

    after = settled(live)

    assert after.translations == ["summer2winter", "winter2summer", "photo2mosaic"]
    for name in "summer2winter", "winter2summer":
        assert after.find(name) is before.find(name)


def test_a_new_model_that_is_broken_is_not_on_offer(live, folder):
    before = live.refresh()
    (folder / "tiles").mkdir()
    (folder / "tiles" / FILE_AB).write_bytes(b"nonsense")

    after = settled(live)

    assert after.broken == ("tiles",)
    assert after.translators == before.translators


def test_an_error_that_nobody_thought_of_is_the_end_of_one_model_alone(
    live, folder, monkeypatch, notes, caplog
):
    def load(path, engine):
        if path.name == "huge":
            raise MemoryError
        return load_model(path, engine)

    monkeypatch.setattr(live_models, "load_model", load)
    for name in "huge", "tiles":
        write_pooling(folder / name / FILE_AB)

    after = settled(live)

    assert after.broken == ("huge",)
    assert after.find("photo2mosaic").model == "tiles"
    assert sorted(notes) == ["refused", "taken"]
    assert "the model huge" in caplog.text
    assert "MemoryError" in caplog.text


def test_a_folder_that_may_not_be_looked_into_is_broken_and_the_others_are_not(
    live, folder, monkeypatch
):
    write_pooling(folder / "closed" / FILE_AB)
    forbid(monkeypatch, folder / "closed")
    write_pooling(folder / "tiles" / FILE_AB)

    after = settled(live)

    assert after.broken == ("closed",)
    assert after.translations == ["summer2winter", "winter2summer", "photo2mosaic"]


def forbid(monkeypatch, folder):
    """As a missing permission does, which root would not miss."""
    for name in "stat", "read_bytes":
        original = getattr(Path, name)

        def refused(path, *given, original=original, **named):
            if path.parent == folder:
                raise PermissionError(13, "Permission denied")
            return original(path, *given, **named)

        monkeypatch.setattr(Path, name, refused)


def test_a_broken_model_is_no_reason_not_to_start_with_the_others(folder, caplog):
    write_pooling(folder / "tiles" / FILE_AB).write_bytes(b"nonsense")

    catalogue = Catalogue.load(folder, Engine("cpu", 1))

    assert catalogue.broken == ("tiles",)
    assert catalogue.translations == ["summer2winter", "winter2summer"]
    assert "the model tiles" in caplog.text
    assert "is damaged, or no ONNX model" in caplog.text


def test_where_every_model_is_broken_there_is_nothing_to_start_with(tmp_path):
    write_pooling(tmp_path / "tiles" / FILE_AB).write_bytes(b"nonsense")

    with pytest.raises(ModelError, match="is damaged, or no ONNX model"):
        Catalogue.load(tmp_path, Engine("cpu", 1))
    assert Catalogue.load(tmp_path, Engine("cpu", 1), may_be_empty=True).broken == ("tiles",)


def test_a_model_that_is_removed_goes(live, folder, notes):
    write_pooling(folder / "tiles" / FILE_AB)
    settled(live)
    shutil.rmtree(folder / "seasons")

    after = settled(live)

    assert after.translations == ["photo2mosaic"]
    assert notes == ["taken", "taken"]


@pytest.mark.parametrize("remove", [lambda f: shutil.rmtree(f / "seasons"), shutil.rmtree])
def test_the_last_model_stays_and_goes_when_there_is_another(live, folder, remove, caplog):
    before = live.refresh()
    remove(folder)

    assert settled(live).translators == before.translators
    settled(live)
    assert len([each for each in caplog.records if "any more" in each.getMessage()]) == 1

    write_pooling(folder / "tiles" / FILE_AB)
    assert settled(live).translations == ["photo2mosaic"]


def test_a_direction_that_is_added_or_removed_is_noticed(live, folder):
    (folder / "seasons" / FILE_BA).unlink()
    assert settled(live).translations == ["summer2winter"]

    write_swapping(folder / "seasons" / FILE_BA)
    assert settled(live).translations == ["summer2winter", "winter2summer"]


def test_hidden_folders_and_other_files_are_nobodys_models(live, folder):
    before = live.refresh()
    write_pooling(folder / ".incoming" / FILE_AB)
    (folder / "seasons" / "notes.txt").write_text("hello")
    (folder / "README").write_text("hello")

    assert settled(live) is before


def test_a_link_that_leads_elsewhere_now_is_noticed(tmp_path):
    for name, write in ("one", write_inverting), ("two", write_swapping):
        write(tmp_path / name / "seasons" / FILE_AB, "summer", "winter")
    models = tmp_path / "models"
    models.symlink_to(tmp_path / "one")
    live = LiveModels(models, Catalogue.load(models, Engine("cpu", 1)))
    np.testing.assert_array_equal(result(live.refresh()), INVERTED)

    models.unlink()
    models.symlink_to(tmp_path / "two")
    np.testing.assert_array_equal(result(settled(live)), SWAPPED)

    linked = tmp_path / "two" / "seasons"
    linked.rename(tmp_path / "real")
    linked.symlink_to(tmp_path / "real")  # the same file by another way: nothing is loaded
    same = live.refresh()
    assert settled(live) is same

    linked.unlink()
    linked.symlink_to(tmp_path / "one" / "seasons")
    np.testing.assert_array_equal(result(settled(live)), INVERTED)


def test_what_changes_between_loading_and_the_first_look_is_noticed(folder):
    catalogue = Catalogue.load(folder, Engine("cpu", 1))
    replace(folder / "seasons" / FILE_AB, lambda file: write_swapping(file, "summer", "winter"))

    live = LiveModels(folder, catalogue)

    np.testing.assert_array_equal(result(settled(live)), SWAPPED)


def test_a_look_that_fails_is_not_the_last(live, monkeypatch, caplog):
    monkeypatch.setattr(live_models, "_SECONDS", 0.01)
    looks, catalogue = [], live.refresh()

    def refresh():
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("unheard of")
        return catalogue

    monkeypatch.setattr(live, "refresh", refresh)

    async def scenario():
        taken = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(live.follow(lambda c: taken.done() or taken.set_result(c)))
        result = await asyncio.wait_for(taken, 10)
        task.cancel()
        return result

    assert asyncio.run(scenario()) is catalogue
    assert "could not be looked at" in caplog.text


def png():
    file = BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


def pixels_of(response):
    with Image.open(BytesIO(response.content)) as image:
        return np.asarray(image)


def post(client):
    return client.post("/v1/translate/summer2winter?format=png", content=png())


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_service_that_runs_takes_over_a_new_model(folder, monkeypatch):
    monkeypatch.setattr(live_models, "_SECONDS", 0.02)
    with TestClient(create_app(ServiceSettings(models=folder, threads=1))) as client:
        old = post(client)
        replace(folder / "seasons" / FILE_AB, lambda f: write_swapping(f, "summer", "winter"))
        until(lambda: post(client).headers["x-model"] != old.headers["x-model"])
        new = post(client)

    np.testing.assert_array_equal(pixels_of(old), INVERTED)
    np.testing.assert_array_equal(pixels_of(new), SWAPPED)


def test_a_request_that_has_begun_finishes_with_the_model_that_it_began_with(folder, monkeypatch):
    monkeypatch.setattr(live_models, "_SECONDS", 0.02)
    app = create_app(ServiceSettings(models=folder, threads=1))

    def swap_and_read(data, order):
        before = app.state.service.catalogue
        replace(folder / "seasons" / FILE_AB, lambda f: write_swapping(f, "summer", "winter"))
        until(lambda: app.state.service.catalogue is not before)
        return read(data, order)

    monkeypatch.setattr("service.app.read", swap_and_read)
    with TestClient(app) as client:
        np.testing.assert_array_equal(pixels_of(post(client)), INVERTED)


def test_without_watching_nothing_changes(folder, monkeypatch):
    monkeypatch.setattr(live_models, "_SECONDS", 0.01)
    app = create_app(ServiceSettings(models=folder, threads=1, watch=False))
    with TestClient(app) as client:
        before = app.state.service.catalogue
        shutil.rmtree(folder)
        write_pooling(folder / "tiles" / FILE_AB)
        time.sleep(0.2)
        assert app.state.service.catalogue is before
        assert post(client).status_code == 200


def test_a_service_without_a_model_says_so_until_one_is_put_there(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(live_models, "_SECONDS", 0.02)
    settings = ServiceSettings(models=tmp_path, threads=1, wait_for_models=True)
    with TestClient(create_app(settings)) as client:
        refused = [
            client.get("/readyz"),
            client.get("/v2/health/ready"),
            client.get("/v1/models/summer2winter"),
            post(client),
        ]
        alive, offered = client.get("/livez"), client.get("/v1/models").json()
        write_inverting(tmp_path / ".new" / FILE_AB)
        (tmp_path / ".new").rename(tmp_path / "seasons")
        until(lambda: client.get("/readyz").status_code == 200)
        translated = post(client)

    assert [(each.status_code, each.json()["code"]) for each in refused] == [(503, "no-model")] * 4
    assert refused[0].headers["retry-after"] == "5"
    assert str(tmp_path) not in refused[0].text
    assert alive.status_code == 200
    assert offered == {"models": [], "broken": []}
    np.testing.assert_array_equal(pixels_of(translated), INVERTED)
    assert f"there is no model in {tmp_path} yet" in caplog.text
    assert "any more" not in caplog.text


def test_a_first_model_that_is_broken_is_reported_and_waited_for(tmp_path, caplog):
    live = LiveModels(tmp_path, Catalogue.load(tmp_path, Engine("cpu", 1), may_be_empty=True))
    (tmp_path / "seasons").mkdir()
    (tmp_path / "seasons" / FILE_AB).write_bytes(b"nonsense")

    broken = settled(live)

    assert (broken.translators, broken.broken) == ((), ("seasons",))
    assert "seasons" in caplog.text
    assert "any more" not in caplog.text
    write_inverting(tmp_path / "seasons" / FILE_AB)
    np.testing.assert_array_equal(result(settled(live)), INVERTED)


def test_who_waits_for_models_has_to_look_for_them():
    with pytest.raises(ValueError, match="leave out --no-watch"):
        ServiceSettings(wait_for_models=True, watch=False)
