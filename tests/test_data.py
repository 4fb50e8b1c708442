import errno
import os

import numpy as np
import pytest
import torch
from conftest import draw_pictures

from cyclegan.errors import DataError, UsageError
from training.data import UnpairedCrops
from training.decoding import decoded
from training.pictures import picture_files


def plain_domain(count, side=12):
    """Pictures of one grey each, so that a crop tells which picture it is from."""
    greys = np.arange(count, dtype=np.uint8)
    return np.broadcast_to(greys[:, None, None, None], (count, side, side, 3))


def read(folder, side, memory_bytes=2**20):
    files = picture_files(folder)
    return decoded(files, side, memory_bytes=memory_bytes, folder=folder, label="reading")


def crops(a, b, **changes):
    return UnpairedCrops(a, b, **{"crop": 8, "flip": True, "batch": 1, "seed": 0} | changes)


def test_a_step_always_gives_the_same_crops(tmp_path):
    folder = draw_pictures(tmp_path / "a", 4)
    first = crops(read(folder, 12), read(folder, 12))
    second = crops(read(folder, 12, memory_bytes=0), read(folder, 12, memory_bytes=0))

    for step in (17, 3, 17, 0):
        for one, other in zip(first[step], second[step], strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("terminal", "label", "shown"),
    [("1", "reading", True), ("1", None, False), ("0", "reading", False)],
)
def test_the_bar_is_drawn_on_a_terminal_alone_and_where_it_has_a_label(
    tmp_path, monkeypatch, capsys, terminal, label, shown
):
    monkeypatch.setenv("TTY_COMPATIBLE", terminal)
    files = picture_files(draw_pictures(tmp_path / "a", 2))

    decoded(files, 12, memory_bytes=2**20, folder=tmp_path, label=label)

    out, err = capsys.readouterr()
    assert out == ""
    assert ("reading" in err) == bool(err) == shown


def test_seeds_and_steps_give_different_crops(tmp_path):
    domain = read(draw_pictures(tmp_path / "a", 4), 16)

    assert not torch.equal(crops(domain, domain)[0][0], crops(domain, domain)[1][0])
    assert not torch.equal(crops(domain, domain)[0][1], crops(domain, domain, seed=1)[0][1])


def test_an_epoch_shows_every_picture_of_a_once():
    data = crops(plain_domain(7), plain_domain(3))

    shown = [int(data[step][0][0, 0, 0, 0]) for step in range(data.steps_per_epoch)]

    assert sorted(shown) == list(range(7))


def test_the_order_changes_from_epoch_to_epoch():
    data = crops(plain_domain(7), plain_domain(3))

    first, second = (
        [int(data[step][0][0, 0, 0, 0]) for step in range(start, start + 7)] for start in (0, 7)
    )

    assert first != second
    assert sorted(first) == sorted(second)


def test_the_smaller_domain_is_repeated_until_the_larger_is_through():
    data = crops(plain_domain(3), plain_domain(7))

    shown = [int(data[step][0][0, 0, 0, 0]) for step in range(7)]

    assert data.steps_per_epoch == 7
    assert sorted(shown.count(n) for n in range(3)) == [2, 2, 3]


def test_b_is_drawn_anew_for_each_step_whatever_a_shows():
    data = crops(plain_domain(10), plain_domain(10))
    pairs = [(int(a[0, 0, 0, 0]), int(b[0, 0, 0, 0])) for a, b in (data[s] for s in range(2000))]

    # Unpaired: each picture of A meets each of B about 20 times.
    counts = [pairs.count((a, b)) for a in range(10) for b in range(10)]
    assert min(counts) > 4
    assert max(counts) < 45


def test_half_of_the_crops_are_mirrored():
    ramp = np.broadcast_to(np.arange(12, dtype=np.uint8)[None, :, None], (12, 12, 3))
    domain = ramp[None]
    data = crops(domain, domain)

    mirrored = sum(int(data[s][0][0, 0, 0, 0] > data[s][0][0, 0, 0, 1]) for s in range(1000))

    assert 430 < mirrored < 570
    assert not any(crops(domain, domain, flip=False)[s][0][0, 0, 0, 0] > 4 for s in range(50))


def test_every_place_of_a_picture_can_be_cropped():
    places = np.arange(144, dtype=np.uint8).reshape(12, 12, 1).repeat(3, axis=2)
    data = crops(places[None], places[None], flip=False)

    corners = {int(data[step][0][0, 0, 0, 0]) for step in range(1000)}

    assert len(corners) == 25  # 12 - 8 + 1 places each way


def test_a_batch_holds_different_pictures_of_a_and_stays_in_its_epoch():
    data = crops(plain_domain(7), plain_domain(3), batch=2)

    shown = [int(image[0, 0, 0]) for step in range(3) for image in data[step][0]]

    assert data.steps_per_epoch == 3
    assert data[0][0].shape == (2, 3, 8, 8)
    assert len(set(shown)) == 6  # one of the seven waits for another epoch


def test_a_batch_larger_than_the_domains_repeats_pictures():
    data = crops(plain_domain(2), plain_domain(2), batch=5)

    assert data[0][0].shape[0] == 5
    assert data.steps_per_epoch == 1


def test_pictures_that_do_not_fit_into_memory_come_from_a_file(tmp_path):
    folder = draw_pictures(tmp_path / "a", 4)
    fitting = read(folder, 10, memory_bytes=4 * 300)

    mapped = read(folder, 10, memory_bytes=4 * 300 - 1)

    assert isinstance(mapped, np.memmap)
    assert not isinstance(fitting, np.memmap)
    np.testing.assert_array_equal(mapped, fitting)
    np.testing.assert_array_equal(crops(mapped, mapped)[5][0], crops(fitting, fitting)[5][0])
    assert len(list(folder.iterdir())) == 4  # the file has no name


def test_pictures_that_fit_nowhere_are_refused_with_the_way_out(tmp_path, monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(UsageError, match=r"4 pictures of 10 pixels are .* GiB.*--cache-mib"):
        read(draw_pictures(tmp_path / "a", 4), 10, memory_bytes=0)


def test_a_damaged_picture_is_met_before_training(tmp_path):
    folder = draw_pictures(tmp_path / "a", 2)
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])

    with pytest.raises(DataError, match=r"1\.png"):
        read(folder, 12)
