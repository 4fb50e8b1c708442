"""Bulk translation without Ray: what is planned, and what one of its processes does."""

import numpy as np
import pytest
from fake_models import write_models
from PIL import Image

pytest.importorskip("pyarrow")

from pyarrow.fs import FileSystem, FileType

from cyclegan.errors import UsageError
from service.bulk_plan import BulkJob, missing, plan_bulk
from service.bulk_settings import BulkSettings
from service.bulk_worker import BulkWorker
from service.formats import PictureFormat
from service.storage import Place, place_of, read_file, write_file


def draw(file, value=200, size=(6, 8)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(file)
    return file


@pytest.fixture
def bucket():
    """Object storage in this process; its files have no real folders."""
    filesystem, _ = FileSystem.from_uri("mock:///")
    filesystem.create_dir("bucket/in/deep", recursive=True)
    filesystem.create_dir("bucket/out/deep", recursive=True)
    return filesystem


@pytest.fixture
def worker(tmp_path):
    model = write_models(tmp_path / "models") / "seasons"

    def worker(origin, out, **more):
        settings = BulkSettings(
            model=model, to="winter", pictures=[], out="unused", provider="cpu", **more
        )
        return BulkWorker(settings, [origin.filesystem], out.filesystem)

    return worker


def batch_of(jobs):
    return {
        field: np.array(values, object)
        for field, values in zip(BulkJob._fields, zip(*jobs, strict=True), strict=True)
    }


def problems_of(result):
    return dict(zip(result["source"].tolist(), result["problem"].tolist(), strict=True))


def test_results_keep_the_names_of_their_pictures_and_folders(tmp_path):
    draw(tmp_path / "in/deep/a.png")
    draw(tmp_path / "in/b.bmp")
    draw(tmp_path / "in/.hidden/c.png")

    jobs = plan_bulk([place_of(str(tmp_path / "in"))], place_of(str(tmp_path / "out")), None)

    assert {(job.source, job.target, job.format) for job in jobs} == {
        (f"{tmp_path}/in/deep/a.png", f"{tmp_path}/out/deep/a.png", "png"),
        (f"{tmp_path}/in/b.bmp", f"{tmp_path}/out/b.png", "png"),
    }


def test_a_picture_may_be_given_alone_and_twice(tmp_path):
    file = place_of(str(draw(tmp_path / "a.jpg")))

    [job] = plan_bulk([file, file], place_of(str(tmp_path / "out")), PictureFormat.WEBP)

    assert (job.target, job.format) == (f"{tmp_path}/out/a.webp", "webp")


def test_results_of_a_former_run_inside_the_pictures_are_none(tmp_path):
    draw(tmp_path / "a.png")
    draw(tmp_path / "out/a.png")

    jobs = plan_bulk([place_of(str(tmp_path))], place_of(str(tmp_path / "out")), None)

    assert [job.source for job in jobs] == [f"{tmp_path}/a.png"]


def test_what_has_its_result_is_not_missing(tmp_path):
    for name in ("a.png", "b.png"):
        draw(tmp_path / "in" / name)
    draw(tmp_path / "out/a.png")
    out = place_of(str(tmp_path / "out"))

    [job] = missing(plan_bulk([place_of(str(tmp_path / "in"))], out, None), out)

    assert job.source.endswith("b.png")


def test_two_pictures_with_one_result_are_refused(tmp_path):
    draw(tmp_path / "in/a.png")
    draw(tmp_path / "in/a.bmp")

    with pytest.raises(UsageError, match="would both become"):
        plan_bulk([place_of(str(tmp_path / "in"))], place_of(str(tmp_path / "out")), None)


def test_a_picture_is_never_overwritten(tmp_path):
    file = draw(tmp_path / "a.png")

    with pytest.raises(UsageError, match="would be overwritten"):
        plan_bulk([place_of(str(file))], place_of(str(tmp_path)), None)
    with pytest.raises(UsageError, match="the folder of the pictures itself"):
        plan_bulk([place_of(str(tmp_path))], place_of(f"{tmp_path}/"), None)


@pytest.mark.parametrize("given", ["nowhere", "empty"])
def test_no_picture_is_an_error(tmp_path, given):
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match="there is no picture in"):
        plan_bulk([place_of(str(tmp_path / given))], place_of(str(tmp_path / "out")), None)


def test_a_url_of_something_else_is_an_error():
    with pytest.raises(UsageError, match=r"expected a path, or a URL as s3://"):
        place_of("https://example.org/pictures")


def test_pictures_of_object_storage_are_translated_there(bucket, tmp_path, worker):
    origin, out = Place(bucket, "bucket/in", "in"), Place(bucket, "bucket/out", "out")
    write_file(bucket, "bucket/in/deep/a.png", draw(tmp_path / "a.png").read_bytes())
    jobs = plan_bulk([origin], out, None)

    assert problems_of(worker(origin, out)(batch_of(jobs))) == {"bucket/in/deep/a.png": ""}

    (tmp_path / "result.png").write_bytes(read_file(bucket, "bucket/out/deep/a.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "result.png")), 55)
    assert missing(jobs, out) == []


def test_a_large_picture_keeps_its_size_where_the_model_sees_a_smaller_one(tmp_path, worker):
    draw(tmp_path / "in/a.png", size=(300, 200))
    origin, out = place_of(str(tmp_path / "in")), place_of(str(tmp_path / "out"))
    jobs = plan_bulk([origin], out, None)

    problems = problems_of(worker(origin, out, model_edge=64)(batch_of(jobs)))

    assert list(problems.values()) == [""]
    result = np.asarray(Image.open(tmp_path / "out/a.png"))
    np.testing.assert_array_equal(result, np.full((300, 200, 3), 55))


def test_a_bad_file_is_one_failure_among_results(tmp_path, worker):
    draw(tmp_path / "in/good.png")
    (tmp_path / "in/empty.png").write_bytes(b"")
    (tmp_path / "in/svg.jpg").write_text("<svg/>")
    origin, out = place_of(str(tmp_path / "in")), place_of(str(tmp_path / "out"))
    jobs = plan_bulk([origin], out, None)
    gone = BulkJob(0, f"{tmp_path}/in/gone.png", f"{tmp_path}/out/gone.png", "png")

    problems = problems_of(worker(origin, out)(batch_of([*jobs, gone])))

    assert problems.pop(f"{tmp_path}/in/good.png") == ""
    assert len(problems) == 3
    assert all(problems.values())
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_file_that_kills_its_decoder_is_one_failure(tmp_path, worker, monkeypatch):
    monkeypatch.setattr("service.isolation.serve", die)
    monkeypatch.setattr("service.bulk_worker._SECONDS", 5.0)
    draw(tmp_path / "in/deadly.png")
    origin, out = place_of(str(tmp_path / "in")), place_of(str(tmp_path / "out"))

    [problem] = problems_of(worker(origin, out)(batch_of(plan_bulk([origin], out, None)))).values()

    assert "crashed" in problem


def die(pipe, megabytes):
    pipe.send_bytes(b"ready")
    pipe.recv_bytes()
    raise SystemExit(1)


def test_a_result_is_written_wholly_or_not_at_all(tmp_path):
    (tmp_path / "taken").mkdir()
    local = place_of(str(tmp_path))

    with pytest.raises(OSError, match="taken"):
        write_file(local.filesystem, f"{tmp_path}/taken", b"x")

    assert local.filesystem.get_file_info(f"{tmp_path}/taken").type == FileType.Directory
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
