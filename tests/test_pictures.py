import struct
from threading import Barrier
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from cyclegan.errors import DataError
from training.pictures import (
    picture_files,
    picture_format,
    read_picture,
    read_resized,
    read_squares,
)

ORIENTATION = 0x0112


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


@pytest.fixture
def quarters():
    """Four colours, one in each corner: every way of turning them looks different."""
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:4, 6:], pixels[4:, :6], pixels[4:, 6:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return pixels


def touch(folder, *names):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def test_pictures_are_found_in_all_subfolders_in_a_fixed_order(tmp_path):
    touch(tmp_path, "b.jpg", "a.png", "deep/er/c.webp", "deep/b.tif")
    found = [file.relative_to(tmp_path).as_posix() for file in picture_files(tmp_path)]
    assert found == ["a.png", "b.jpg", "deep/b.tif", "deep/er/c.webp"]


@pytest.mark.parametrize(
    "suffix", ["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "avif"]
)
def test_a_suffix_counts_in_small_and_in_capital_letters(tmp_path, suffix):
    touch(tmp_path, f"a.{suffix}", f"b.{suffix.upper()}")
    assert len(picture_files(tmp_path)) == 2


def test_hidden_files_and_folders_are_skipped(tmp_path):
    touch(tmp_path, "seen.jpg", "._seen.jpg", ".thumbnails/seen.jpg", "deep/.a.png")
    assert picture_files(tmp_path) == [tmp_path / "seen.jpg"]


def test_a_hidden_folder_can_be_asked_for_by_name(tmp_path):
    touch(tmp_path, ".data/a.jpg")
    assert len(picture_files(tmp_path / ".data")) == 1


def test_a_folder_that_is_named_like_a_picture_is_none(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(DataError, match="holds no file; expected pictures"):
        picture_files(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "holds no file"),
        (("notes.txt",), "holds 1 file, which is no picture"),
        (("a.txt", "b.mp4", "c.psd"), "holds 3 files, none of them a picture"),
    ],
)
def test_a_folder_without_pictures_says_what_it_holds_instead(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=rf"{message}; expected pictures \(.*\.jpg"):
        picture_files(tmp_path)


def test_a_missing_folder_and_a_file_are_no_folders_of_pictures(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist; expected a folder"):
        picture_files(tmp_path / "nowhere")
    touch(tmp_path, "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg is a file; expected a folder"):
        picture_files(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "ppm"])
def test_a_lossless_picture_is_read_byte_for_byte(tmp_path, quarters, suffix):
    np.testing.assert_array_equal(read_picture(save(tmp_path / f"a.{suffix}", quarters)), quarters)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_a_lossy_picture_is_read_nearly(tmp_path, suffix):
    pixels = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    read = read_picture(save(tmp_path / f"a.{suffix}", pixels, quality=95))
    assert np.abs(read.astype(int) - pixels).max() < 8


# What EXIF says a viewer has to do, as operations of NumPy.
UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_picture_is_turned_upright(tmp_path, quarters, orientation, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = save(tmp_path / f"a.{suffix}", quarters, exif=exif)
    np.testing.assert_array_equal(read_picture(file), UPRIGHT[orientation](quarters))


@pytest.mark.parametrize("tags", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b""])
@pytest.mark.filterwarnings("ignore")
def test_damaged_tags_do_not_hinder_reading(tmp_path, quarters, tags):
    file = save(tmp_path / "a.png", quarters, exif=tags)
    np.testing.assert_array_equal(read_picture(file), quarters)


def test_an_impossible_orientation_is_ignored(tmp_path, quarters):
    exif = Image.Exif()
    exif[ORIENTATION] = 99
    np.testing.assert_array_equal(
        read_picture(save(tmp_path / "a.png", quarters, exif=exif)), quarters
    )


# 0, a quarter, and all of the range, in each way of writing more than 8 bits.
DEEP = {
    "I;16 png": ("a.png", np.array([[0, 16448, 65535]], np.uint16)),
    "I;16 tif": ("a.tif", np.array([[0, 16448, 65535]], np.uint16)),
    "I;16B tif": ("a.tif", np.array([[0, 16448, 65535]], ">u2")),
    "I tif": ("a.tif", np.array([[0, 16448, 65535]], np.int32)),
    "F tif in [0, 1]": ("a.tif", np.array([[0, 64 / 255, 1]], np.float32)),
    "F tif as bytes": ("a.tif", np.array([[0, 64, 255]], np.float32)),
    "F tif with gaps": ("a.tif", np.array([[np.nan, 64, 255]], np.float32)),
}


@pytest.mark.parametrize("name", DEEP)
def test_grey_of_more_than_8_bits_is_scaled_and_not_clipped(tmp_path, name):
    file, values = DEEP[name]
    read = read_picture(save(tmp_path / file, values))
    np.testing.assert_array_equal(read[0], [[0] * 3, [64] * 3, [255] * 3])


def test_what_is_transparent_becomes_white(tmp_path):
    pixels = np.array([[(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)]], np.uint8)
    read = read_picture(save(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(read[0], [(255, 0, 0), (255, 255, 255), (127, 127, 127)])


def test_transparent_grey_becomes_white(tmp_path):
    pixels = np.array([[(0, 255), (0, 0)]], np.uint8)
    read = read_picture(save(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(read[0], [(0, 0, 0), (255, 255, 255)])


def test_a_palette_with_a_transparent_entry_is_read_in_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[0], [(255, 0, 0), (255,) * 3])


def test_grey_cmyk_and_black_and_white_become_rgb(tmp_path):
    for mode, colour, suffix in (("L", 255, "png"), ("1", 1, "png"), ("CMYK", (0, 0, 0, 0), "jpg")):
        file = tmp_path / f"{mode}.{suffix}"
        Image.new(mode, (8, 8), colour).save(file)
        np.testing.assert_array_equal(read_picture(file), np.full((8, 8, 3), 255, np.uint8))


def test_the_content_counts_and_not_the_suffix(tmp_path, quarters):
    file = save(tmp_path / "a.png", quarters).rename(tmp_path / "a.jpg")
    assert picture_format(file) == "PNG"
    np.testing.assert_array_equal(read_picture(file), quarters)


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match=r"a\.jpg is empty \(0 bytes\)"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif", "ppm"])
def test_a_file_that_is_cut_short_is_named(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = save(tmp_path / f"a.{suffix}", pixels)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix} .*delete or replace it"):
        read_picture(file)


@pytest.mark.parametrize("content", [b"no picture", b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_file_that_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg .*delete or replace it") as caught:
        read_picture(tmp_path / "a.jpg")
    assert "\n" not in str(caught.value)


def test_a_picture_that_announces_a_billion_pixels_is_refused(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""))
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path / "a.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a\.jpg cannot be read \(No such file"):
        read_picture(tmp_path / "a.jpg")


def test_resizing_squashes_to_a_square_as_the_reference_does(tmp_path, quarters):
    read = read_resized(save(tmp_path / "a.png", quarters), 20)
    reference = Image.fromarray(quarters).resize((20, 20), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(read, np.asarray(reference))


def test_pictures_are_read_at_once_and_stay_in_their_order(tmp_path, monkeypatch):
    files = [
        save(tmp_path / f"{value}.png", np.full((4, 4), value, np.uint8)) for value in range(4)
    ]
    both = Barrier(2, timeout=20)

    def meeting(file, side):
        both.wait()  # breaks unless two are being read
        return read_resized(file, side)

    monkeypatch.setattr("training.pictures.available_cores", lambda: 2)
    monkeypatch.setattr("training.pictures.read_resized", meeting)

    assert read_squares(files, 2)[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
