"""What `cyclegan evaluate` measures, against formulas written here and cases with known answers."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_pictures
from fake_models import write_inverting
from label_map_files import label_map
from PIL import Image
from scipy import linalg, ndimage
from torch import nn

from cyclegan.__main__ import main
from cyclegan.contract import FILE_AB, FILE_BA
from cyclegan.errors import DataError, ModelError, UsageError
from evaluation import content, evaluation, evaluation_table, sliced_wasserstein
from evaluation.domain_classifier import DomainClassifier
from evaluation.evaluate_command import _side_of_training
from evaluation.exported_pair import ExportedPair
from evaluation.feature_distances import feature_distance
from evaluation.inception import Inception, find_inception
from evaluation.measures import Distance
from evaluation.picture_sets import PictureSets
from training.landscapes import draw_dataset
from training.pictures import read_squares

ROOT = Path(__file__).parents[1]


def noise(count, side=32, low=0, high=256):
    return torch.randint(low, high, (count, 3, side, side), dtype=torch.uint8)


@pytest.fixture
def few_patches(monkeypatch):
    monkeypatch.setattr(evaluation, "PATCHES", 2000)


@pytest.fixture
def few_steps(monkeypatch):
    train = DomainClassifier.train
    monkeypatch.setattr(DomainClassifier, "train", lambda a, b, seed: train(a, b, seed, steps=3))


# Sliced Wasserstein distance


def test_a_pyramid_adds_up_to_its_image():
    image = torch.rand(2, 3, 64, 64)

    levels = sliced_wasserstein.laplacian_pyramid(image)

    assert [level.shape[-1] for level in levels] == sliced_wasserstein.sides(64) == [64, 32, 16]
    again = levels[-1]
    for level in reversed(levels[:-1]):
        again = level + sliced_wasserstein._enlarged(again)
    torch.testing.assert_close(again, image)


def test_a_pyramid_is_that_of_the_papers_authors():
    """Theirs convolves with SciPy, mirroring at the edges."""
    image = torch.rand(1, 3, 32, 32)
    row = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(row, row)[None, None]
    array = image.numpy()
    smaller = ndimage.convolve(array, kernel, mode="mirror")[:, :, ::2, ::2]
    spread = np.zeros_like(array)
    spread[:, :, ::2, ::2] = smaller
    finest = array - ndimage.convolve(spread, kernel * 4, mode="mirror")

    levels = sliced_wasserstein.laplacian_pyramid(image)

    np.testing.assert_allclose(levels[0], finest, atol=1e-6)
    np.testing.assert_allclose(levels[1], smaller, atol=1e-6)


def test_a_patch_is_a_square_of_a_picture():
    image = torch.arange(3 * 9 * 8).view(3, 9, 8).float()
    windows = {
        tuple(image[:, row : row + 7, column : column + 7].flatten().tolist())
        for row in range(3)
        for column in range(2)
    }

    drawn = sliced_wasserstein._drawn(image, 200, torch.Generator().manual_seed(0))

    assert {tuple(patch.tolist()) for patch in drawn} == windows


def test_the_distance_of_one_dimension_is_that_of_the_sorted_numbers():
    """Along one direction it is the earth mover's distance, which is known."""
    one, other = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[6.0], [1.0], [2.0]])

    distance = sliced_wasserstein._distance(one, other, torch.tensor([[1.0, -1.0]]))

    assert distance == pytest.approx((1 + 1 + 1) / 3)


def test_the_same_patches_are_nearer_than_others_and_numbers_of_pictures_may_differ():
    smooth = torch.nn.functional.interpolate(noise(6, 8).float(), 32, mode="bicubic")
    smooth = smooth.clamp(0, 255).byte()

    reference = sliced_wasserstein.Reference(noise(10), 2000, seed=0)

    same, other = reference.distances(noise(7)), reference.distances(smooth)

    assert len(same) == len(other) == 2
    assert same[0] < other[0] / 2


def test_a_seed_gives_the_same_distance_again_whatever_was_measured_before():
    one, other = noise(4), noise(4)
    reference = sliced_wasserstein.Reference(one, 2000, seed=0)

    first, _, second = (reference.distances(each) for each in (other, noise(9), other))

    assert first == second == sliced_wasserstein.Reference(one, 2000, seed=0).distances(other)
    assert first != sliced_wasserstein.Reference(one, 2000, seed=1).distances(other)


def test_the_finest_scales_alone_can_be_compared():
    one, other = noise(4), noise(4)

    [finest] = sliced_wasserstein.Reference(one, 2000, seed=0, scales=1).distances(other)

    # Other patches are drawn, since none are of the coarser scales.
    whole = sliced_wasserstein.Reference(one, 2000, seed=0).distances(other)
    assert finest == pytest.approx(whole[0], rel=0.2)
    assert finest != pytest.approx(whole[1], rel=0.2)


@pytest.mark.parametrize(
    ("floor", "untranslated", "told"),
    [
        (10.0, 14.0, "excess 5.00"),
        (10.0, 10.5, "3.0 times the floor"),
        (-0.1, -0.2, "no difference to bridge"),
    ],
)
def test_a_distance_is_told_as_an_excess_or_beside_the_floor(floor, untranslated, told):
    distance = Distance(translated=30.0, floor=floor, untranslated=untranslated)

    assert evaluation_table._distance(distance, ".1f").endswith(f"): {told}")


def test_an_excess_is_where_between_floor_and_nothing_done_it_lies():
    assert Distance(translated=3, floor=1, untranslated=5).excess == 0.5
    assert Distance(translated=1, floor=1, untranslated=5).excess == 0
    assert Distance(translated=5, floor=1, untranslated=5).excess == 1


def test_where_source_and_target_are_alike_there_is_no_excess():
    assert Distance(translated=3, floor=10, untranslated=10.9).excess is None
    assert Distance(translated=3, floor=10, untranslated=8).excess is None
    assert Distance(translated=10, floor=10, untranslated=11.1).excess == 0
    # As of a KID, which may be negative.
    assert Distance(translated=1, floor=0, untranslated=0).excess is None
    assert Distance(translated=0, floor=-0.1, untranslated=-0.1).excess is None
    assert Distance(translated=0, floor=-0.1, untranslated=-0.2).excess is None
    assert Distance(translated=0, floor=-0.1, untranslated=0.1).excess == 0.5


# FID and KID


def test_fid_is_the_formula():
    real, other = torch.randn(50, 5), 2 * torch.randn(40, 5) + 1
    mean = (real.mean(0) - other.mean(0)).numpy()
    one, two = np.cov(real.numpy().T), np.cov(other.numpy().T)
    expected = mean @ mean + np.trace(one + two - 2 * linalg.sqrtm(one @ two).real)

    assert feature_distance(real, other, seed=0).fid == pytest.approx(expected, rel=1e-3)


def test_kid_is_the_formula():
    """With as many pictures in both sets each subset is the whole set."""
    real, other = torch.randn(30, 4).double(), torch.randn(30, 4).double() + 1
    one, two, cross = (
        (x @ y.T / 4 + 1) ** 3 for x, y in ((real, real), (other, other), (real, other))
    )
    off = 30 * 29
    expected = (one.sum() - one.trace() + two.sum() - two.trace()) / off - 2 * cross.mean()

    kid = feature_distance(real.float(), other.float(), seed=0).kid

    assert kid == pytest.approx(expected.item(), rel=1e-3)


class _Trap:
    def __reduce__(self):
        return print, ("executed",)


def test_weights_that_would_execute_code_are_refused(tmp_path, capsys):
    file = tmp_path / "weights.pth"
    torch.save({"Mixed_7c.branch_pool.conv.weight": _Trap()}, file)

    with pytest.raises(UsageError, match="cannot be read as weights"):
        find_inception(file)

    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.zeros(1)},
        [1, 2],
        # As in torchvision's Inception, which lacks others.
        {"Mixed_7c.branch_pool.conv.weight": torch.zeros(192, 2048, 1, 1)},
    ],
)
def test_other_weights_are_refused(tmp_path, content):
    file = tmp_path / "weights.pth"
    torch.save(content, file)

    with pytest.raises(UsageError, match="has other weights; expected the file of https"):
        find_inception(file)


def test_inceptions_weights_are_taken_from_a_file(tmp_path, monkeypatch):
    from torch_fidelity import feature_extractor_inceptionv3 as library

    untrained = {}
    with monkeypatch.context() as patch:
        # What it would have loaded is what it began with.
        patch.setattr(library, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        network = library.FeatureExtractorInceptionV3("inception", ["2048"])
    untrained = network.state_dict()
    file = tmp_path / "weights.pth"
    torch.save(untrained, file)

    inception = Inception(file)

    pictures = noise(2, 64)
    with torch.inference_mode():
        features = inception(pictures)
        torch.testing.assert_close(features, network(pictures)[0])
    assert features.shape == (2, inception.num_features)


def test_without_weights_and_without_a_way_to_them_it_goes_on(monkeypatch, tmp_path, caplog):
    def offline(*_):
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)

    assert find_inception(None) is None
    assert "FID and KID are left out" in caplog.text
    assert "--inception" in caplog.text


# What is kept


def test_edges_are_kept_by_a_tint_and_by_a_negative_and_not_by_another_picture():
    picture = noise(3)

    assert content.edge_correlation(picture, 255 - picture) == pytest.approx(1, abs=1e-5)
    assert content.edge_correlation(picture, picture // 2) > 0.98
    assert abs(content.edge_correlation(picture, noise(3))) < 0.1
    assert content.edge_correlation(picture, torch.full_like(picture, 7)) == 0


def test_an_edge_correlation_is_that_of_scipys_sobel():
    one, other = noise(1), noise(1)

    def edges(picture):
        weights = np.array([0.299, 0.587, 0.114])[:, None, None]
        grey = (picture[0].numpy() / 127.5 * weights).sum(0)
        strength = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1))
        return strength[1:-1, 1:-1].ravel()

    expected = np.corrcoef(edges(one), edges(other))[0, 1]

    assert content.edge_correlation(one, other) == pytest.approx(expected, abs=1e-4)


def test_a_cycle_error_is_the_mean_difference_of_signed_pixels():
    picture = noise(2, low=0, high=200)

    assert content.cycle_error(picture, picture) == 0
    assert content.cycle_error(picture, picture + 51) == pytest.approx(0.4, abs=1e-5)


def test_the_inversion_rate_counts_negatives():
    picture = noise(4)
    half = picture.clone()
    half[:1] = 255 - half[:1]

    assert content.inversion_rate(picture, picture) == 0
    assert content.inversion_rate(picture, half) == 0.25
    assert content.inversion_rate(picture, 255 - picture) == 1


def test_pictures_that_are_all_alike_have_no_diversity():
    real = noise(5)

    assert content.diversity(real, real) == pytest.approx(1)
    assert content.diversity(real[:1].repeat(5, 1, 1, 1), real) < 1e-6


# The classifier


def test_a_classifier_tells_two_domains_apart_and_pictures_of_none_by_what_they_look_like():
    dark, light = noise(20, high=150), noise(20, low=100)

    judge = DomainClassifier.train(dark, light, seed=0, steps=30)

    assert judge.share_of_b(noise(20, low=100)) == 1
    assert judge.share_of_b(noise(20, high=150)) == 0


def test_a_classifier_is_the_same_for_the_same_seed():
    a, b = noise(6), noise(6)

    one, two = (DomainClassifier.train(a, b, seed=3, steps=2) for _ in range(2))

    for first, second in zip(one._network.parameters(), two._network.parameters(), strict=True):
        assert torch.equal(first, second)


# The command


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    draw_dataset(folder, side=32, train=6, test=5, seed=0)
    return folder


@pytest.fixture
def inverting(tmp_path):
    """There and back it is exact, and it keeps every edge."""
    folder = tmp_path / "inverting"
    folder.mkdir()
    write_inverting(folder / FILE_AB, "summer", "winter")
    write_inverting(folder / FILE_BA, "winter", "summer")
    return folder


@pytest.mark.usefixtures("few_patches", "few_steps")
def test_a_model_is_measured_and_what_was_found_is_written(
    tmp_path, data, inverting, monkeypatch, capsys
):
    monkeypatch.delattr("evaluation.evaluate_command.find_inception")  # downloads, so not asked
    out = tmp_path / "out"

    words = f"--model {inverting} --data {data} --out {out} --side 32 --no-fid"
    assert main(["evaluate", *words.split()]) == 0

    found = json.loads((out / "evaluation.json").read_text())
    there, back = found["measures"]
    assert [there["translation"], back["translation"]] == ["summer2winter", "winter2summer"]
    assert there["pictures"] == back["pictures"] == 5
    assert len(there["domain_scores"]) == 3
    assert there["edge_correlation"] == pytest.approx(1, abs=1e-5)
    assert there["cycle_error"] == 0
    assert there["inversion_rate"] == 1
    assert there["fid"] is None
    assert list(there["sliced_wasserstein"]) == ["32", "16"]
    assert found["protocol"]["reference_pictures"] == {"summer": 6, "winter": 6}
    measured = found["protocol"]["models"]["winter2summer"]
    assert measured["sha256"] == sha256((inverting / FILE_BA).read_bytes()).hexdigest()
    assert (measured["strength"], measured["weights"]) == (1, "last")
    assert "| FID | not measured | not measured |" in (out / "evaluation.md").read_text()
    assert "error there and back" in capsys.readouterr().out
    with Image.open(out / "summer2winter.png") as grid:
        assert grid.size == (10 * 34 + 2, 34 + 2)


@pytest.mark.usefixtures("few_patches", "few_steps")
def test_distances_are_of_as_many_pictures_of_each_kind(tmp_path, data, inverting, monkeypatch):
    """Real pictures that pose as translations are as far as real ones, however few there are."""
    from evaluation.evaluation import evaluate

    compared = []
    distances = sliced_wasserstein.Reference.distances

    def counted(reference, pictures):
        compared.append(len(pictures))
        return distances(reference, pictures)

    monkeypatch.setattr(sliced_wasserstein.Reference, "distances", counted)
    for file in sorted((data / "testA").iterdir())[:2]:
        file.unlink()
    sets = PictureSets.read(data, ("summer", "winter"), 32, None)

    found, _ = evaluate(ExportedPair(inverting), sets, None, 0, lambda _: None)

    assert compared == [3] * 6
    assert [(each.pictures, each.compared) for each in found.measures] == [(3, 3), (5, 3)]


def test_where_nothing_can_be_written_is_said_before_anything_is_read(
    tmp_path, inverting, monkeypatch, capsys
):
    monkeypatch.setattr(PictureSets, "read", pytest.fail)
    (tmp_path / "file").write_text("in the way")

    words = f"--model {inverting} --data {tmp_path} --out {tmp_path}/file/out --no-fid"
    assert main(["evaluate", *words.split()]) == 2

    assert (
        "could not be written to (Not a directory); give another --out" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("few_patches", "few_steps")
def test_what_is_measured_is_of_the_right_direction(tmp_path, data):
    """One way it does nothing, the other way it is a negative."""
    from evaluation.evaluation import evaluate

    class Lopsided(ExportedPair):
        def to_b(self, pictures):
            return pictures

        def to_a(self, pictures):
            return 255 - pictures

    sets = PictureSets.read(data, ("summer", "winter"), 32, None)
    found, made = evaluate(Lopsided(_inverting_in(tmp_path)), sets, None, 0, lambda _: None)

    to_winter, to_summer = found.measures
    assert (to_winter.inversion_rate, to_summer.inversion_rate) == (0, 1)
    for distance in to_winter.sliced_wasserstein.values():
        assert distance.excess == pytest.approx(1)
    for score in to_winter.domain_scores:
        assert score.translated == score.untranslated
    assert torch.equal(made.b, sets.a.test)
    assert to_winter.diversity != to_summer.diversity


def _inverting_in(tmp_path):
    folder = tmp_path / "any"
    folder.mkdir()
    write_inverting(folder / FILE_AB, "summer", "winter")
    write_inverting(folder / FILE_BA, "winter", "summer")
    return folder


@pytest.mark.usefixtures("few_patches", "few_steps")
def test_counterparts_are_compared_where_the_user_says_that_there_are_some(
    tmp_path, data, inverting
):
    (data / "testA" / sorted((data / "testA").iterdir())[0].name).unlink()  # 4 pairs are left
    out = tmp_path / "out"

    words = f"--model {inverting} --data {data} --out {out} --side 32 --no-fid --counterparts"
    assert main(["evaluate", *words.split()]) == 0

    there, back = json.loads((out / "evaluation.json").read_text())["measures"]
    assert there["pictures"] == back["pictures"] == 4
    names = sorted(file.name for file in (data / "testA").iterdir())
    a, b = (read_squares([data / d / n for n in names], 32).int() for d in ("testA", "testB"))
    made, nothing = ((each - b).abs().double().mean().item() / 127.5 for each in (255 - a, a))
    errors = there["counterpart"]
    assert errors["translated"]["l1"] == pytest.approx(made, rel=1e-4)
    assert errors["untranslated"]["l1"] == pytest.approx(nothing, rel=1e-4)
    page = (out / "evaluation.md").read_text()
    assert f"| error to the counterpart | {errors['translated']['l1']:.3f} (" in page
    assert "| labels that are right | no labels | no labels |" in page


@pytest.mark.usefixtures("few_patches", "few_steps")
def test_labels_are_judged_where_the_target_has_them(tmp_path, data, inverting):
    for part in ("trainB", "testB"):
        for number, file in enumerate(sorted((data / part).iterdir())):
            Image.fromarray(label_map(number).permute(1, 2, 0).numpy()).save(file)
    out = tmp_path / "out"

    words = f"--model {inverting} --data {data} --out {out} --side 32 --no-fid --counterparts"
    assert main(["evaluate", *words.split(), "--labels", "winter"]) == 0

    to_winter, to_summer = json.loads((out / "evaluation.json").read_text())["measures"]
    assert to_winter["counterpart"]["labels"] == 3
    assert 0 < to_winter["counterpart"]["translated"]["label_accuracy"] < 1
    assert to_summer["counterpart"]["labels"] is None
    assert "% of 3 labels (" in (out / "evaluation.md").read_text()


@pytest.mark.parametrize(
    ("trained", "words", "side"),
    [
        ({"load_size": 72}, [], 64),
        ({"load_size": 286}, [], 256),
        ({}, [], 256),
        ({"load_size": 16}, [], 256),
        ({"load_size": 72}, ["--side", "48"], 48),
    ],
)
def test_a_model_is_measured_at_the_size_that_it_was_trained_at(
    tmp_path, monkeypatch, caplog, trained, words, side
):
    class Asked(Exception):
        pass

    def read(_data, _names, side, *_):
        raise Asked(side)

    monkeypatch.setattr(PictureSets, "read", read)
    caplog.set_level("INFO")
    write_inverting(tmp_path / FILE_AB, "summer", "winter", **trained)
    write_inverting(tmp_path / FILE_BA, "winter", "summer", **trained)

    with pytest.raises(Asked, match=f"^{side}$"):
        main(["evaluate", "--model", str(tmp_path), "--data", "data", "--out", "out", *words])

    assert (f"measuring at {side} pixels" in caplog.text) == (not words)
    assert "reading the pictures of data" in caplog.text


@pytest.mark.parametrize("name", ["season", "monet"])
def test_the_models_that_come_along_are_measured_at_256_pixels(name):
    assert _side_of_training(ExportedPair(ROOT / "models" / name).card) == 256


def test_labels_are_of_one_domain_and_need_counterparts(data, inverting, capsys):
    sets = PictureSets.read(data, ("photo", "labels"), 32, None, True, "labels")
    assert (sets.a.has_labels, sets.b.has_labels) == (False, True)

    with pytest.raises(UsageError, match="--labels is maps; the domains are photo and labels"):
        PictureSets.read(data, ("photo", "labels"), 32, None, True, "maps")

    words = f"--model {inverting} --data {data} --out {data} --labels winter"
    assert main(["evaluate", *words.split()]) == 2
    assert "labels is winter without --counterparts" in capsys.readouterr().err


def test_without_counterparts_none_are_supposed(tmp_path):
    for part in ("trainA", "trainB", "testA", "testB"):
        draw_pictures(tmp_path / part, 2)
    (tmp_path / "testB").rename(tmp_path / "old")
    (tmp_path / "testB").mkdir()
    for number, file in enumerate(sorted((tmp_path / "old").iterdir())):
        file.rename(tmp_path / "testB" / f"other{number}{file.suffix}")

    assert not PictureSets.read(tmp_path, ("a", "b"), 32, None).has_counterparts
    with pytest.raises(DataError, match="have the same name; expected two or more"):
        PictureSets.read(tmp_path, ("a", "b"), 32, None, counterparts=True)


def test_a_model_without_its_way_back_is_refused(tmp_path, inverting):
    (inverting / FILE_BA).unlink()
    with pytest.raises(ModelError, match=r"b2a\.onnx is not there"):
        ExportedPair(inverting)

    write_inverting(inverting / FILE_BA, "photo", "summer")
    with pytest.raises(ModelError, match="expected a translation and its way back"):
        ExportedPair(inverting)

    (inverting / FILE_BA).write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be loaded"):
        ExportedPair(inverting)


ALONE = """
import sys
from pathlib import Path
from evaluation.exported_pair import ExportedPair

ExportedPair(Path(sys.argv[1]))
"""


def test_a_model_is_measured_and_nobody_is_told(tmp_path, inverting):
    home = tmp_path / "home"
    home.mkdir()
    # Nothing of what would keep ONNX Runtime quiet by chance, such as `CI`.
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}

    subprocess.run(
        [sys.executable, "-c", ALONE, str(inverting)], check=True, cwd=ROOT, env=environment
    )

    assert list(home.rglob("*")) == []


def test_data_without_held_out_pictures_is_refused(tmp_path):
    for part in ("trainA", "trainB"):
        draw_pictures(tmp_path / part, 2)

    with pytest.raises(DataError, match="has no testA and testB"):
        PictureSets.read(tmp_path, ("a", "b"), 32, None)


def test_one_picture_is_too_few(tmp_path):
    for part, count in (("trainA", 2), ("trainB", 2), ("testA", 1), ("testB", 2)):
        draw_pictures(tmp_path / part, count)

    with pytest.raises(DataError, match="testA has 1 picture; expected 2 at least"):
        PictureSets.read(tmp_path, ("a", "b"), 32, None)


def test_what_takes_long_is_shown_on_a_terminal(data, inverting, monkeypatch, capsys):
    model = ExportedPair(inverting)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal

    sets = PictureSets.read(data, model.names, 32, None)
    shown = capsys.readouterr().err
    assert "reading summer" in shown
    assert "reading winter" in shown

    assert torch.equal(model.to_b(sets.a.test), 255 - sets.a.test)
    model.to_a(sets.b.test)
    shown = capsys.readouterr().err
    assert "making winter" in shown
    assert "making summer" in shown


def test_where_there_is_no_terminal_no_bar_is_drawn(data, inverting, capsys):
    sets = PictureSets.read(data, ("summer", "winter"), 32, None)
    ExportedPair(inverting).to_b(sets.a.test)

    assert capsys.readouterr().err == ""


def test_some_pictures_of_each_folder_can_be_enough(data):
    sets = PictureSets.read(data, ("a", "b"), 32, most=3)

    assert [len(each) for each in (sets.a.train, sets.b.test)] == [3, 3]
