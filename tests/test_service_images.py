import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hostile_files import png
from PIL import Image, ImageCms
from reading_memory import growth_of_reading, growth_of_reading_all

from service.errors import (
    BadRequest,
    ResultTooLong,
    TooManyPixels,
    UndecodableImage,
    UnsupportedImageType,
)
from service.formats import PictureFormat
from service.images import Picture, decode, decode_reduced, encode

ROOT = Path(__file__).parents[1]
MAX_PIXELS = 50_000_000
ORIENTATION = 0x0112


def file_of(image, format="PNG", **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def read(image, format="PNG", **options):
    return decode(file_of(image, format, **options), MAX_PIXELS)


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_formats_without_loss_give_the_very_pixels(noise, format):
    picture = read(Image.fromarray(noise), format)

    np.testing.assert_array_equal(picture.pixels, noise)
    assert picture.alpha is None
    assert picture.size == (7, 5)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_formats_with_loss_give_nearly_the_pixels(format):
    image = Image.linear_gradient("L").convert("RGB")

    picture = read(image, format, quality=95)

    difference = picture.pixels.astype(int) - np.asarray(image).astype(int)
    assert abs(difference).max() <= 8


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 17)])
@pytest.mark.parametrize("format", list(PictureFormat))
def test_every_size_survives_every_format(size, format):
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)

    back = decode(encode(Picture(pixels), format, 90), MAX_PIXELS)

    assert back.size == size
    assert abs(back.pixels.astype(int) - 200).max() <= 2


# Where the red corner of a file lies once the picture is upright, by the EXIF standard.
@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (3, 2), (0, 0)),
        (2, (3, 2), (2, 0)),
        (3, (3, 2), (2, 1)),
        (4, (3, 2), (0, 1)),
        (5, (2, 3), (0, 0)),
        (6, (2, 3), (1, 0)),
        (7, (2, 3), (1, 2)),
        (8, (2, 3), (0, 2)),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_upright(orientation, size, corner, format):
    image = Image.new("RGB", (3, 2), "white")
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if format == "WEBP" else {}

    data = file_of(image, format, exif=exif, **options)
    picture, size_in_file = decode_reduced(data, MAX_PIXELS, None)

    assert picture.size == size_in_file == size
    [[row, column]] = np.argwhere(picture.pixels[..., 1] == 0)
    assert (column, row) == corner


def test_a_jpeg_is_turned_upright():
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    assert read(Image.new("RGB", (16, 8)), "JPEG", exif=exif).size == (8, 16)


# As the service has it, see `service.images`; pytest makes errors of warnings.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", b"\xff"])
def test_damaged_exif_is_ignored(exif):
    assert read(Image.new("RGB", (3, 2)), "JPEG", exif=exif).size == (3, 2)


@pytest.mark.parametrize("exif", [b"nonsense", b"II*\0\x08\0\0\0\xff\xff"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_of_a_png_is_ignored(exif):
    assert decode(png(3, 2, rows=bytes(8), eXIf=exif), MAX_PIXELS).size == (3, 2)


def test_cmyk_becomes_rgb():
    # Full cyan and no other ink is red 0, green 255, blue 255.
    [[pixel]] = read(Image.new("CMYK", (1, 1), (255, 0, 0, 0)), "TIFF").pixels

    assert pixel.tolist() == [0, 255, 255]


def test_a_cmyk_jpeg_has_sane_colours():
    picture = read(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")

    assert picture.pixels.min() >= 250


def test_sixteen_bits_of_gray_are_scaled_and_not_clipped():
    values = np.array([[0, 257, 32896, 65535]], np.uint16)

    picture = read(Image.fromarray(values))

    assert picture.pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_dark_sixteen_bits_stay_dark():
    values = np.full((2, 2), 255, np.uint16)  # of 65535: nearly black

    assert read(Image.fromarray(values)).pixels.max() == 1


def test_big_endian_sixteen_bits_are_read():
    values = np.array([[0, 32896, 65535]], np.uint16)
    little = file_of(Image.fromarray(values), "TIFF")

    assert decode(little, MAX_PIXELS).pixels[0, :, 1].tolist() == [0, 128, 255]
    image = Image.frombytes("I;16B", (3, 1), values.astype(">u2").tobytes())
    assert read(image, "TIFF").pixels[0, :, 1].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 255.0]], np.float32), [0, 128, 255]),
        (np.array([[-4.0, np.nan, 1000.0]], np.float32), [0, 0, 4]),
        (np.array([[np.inf, -np.inf, 0.5]], np.float32), [255, 0, 128]),
        (np.array([[np.inf, 50.0, 100.0]], np.float32), [255, 50, 100]),
        (np.array([[np.nan, np.nan, np.inf]], np.float32), [0, 0, 255]),
        (np.array([[-3.0, -2.0, -1.0]], np.float32), [0, 0, 0]),
        (np.array([[0.0, 1e38, 3e38]], np.float32), [0, 85, 255]),
        (np.array([[0, 32896, 65535]], np.int32), [0, 128, 255]),
        (np.array([[-(2**31), -1, 65535]], np.int32), [0, 0, 255]),
        (np.array([[0, 2**30, 2**31 - 1]], np.int32), [0, 128, 255]),
    ],
)
def test_floats_and_long_integers_are_scaled_by_what_they_hold(values, expected):
    assert read(Image.fromarray(values), "TIFF").pixels[0, :, 2].tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("size", [(2500, 3), (3, 2500), (1025, 1025)])
def test_every_value_is_scaled_wherever_it_lies(size, dtype):
    width, height = size
    values = np.random.default_rng(0).integers(0, 65536, (height, width)).astype(dtype)
    values[-1, -1] = 65535

    picture = read(Image.fromarray(values), "TIFF")

    expected = np.rint(values / np.float64(65535) * 255)
    np.testing.assert_array_equal(picture.pixels, np.repeat(expected[..., None], 3, 2))


def test_a_large_picture_of_sixteen_bits_takes_little_more_memory_than_its_pixels():
    # 25 million of them, of 2 bytes and then of 1: in numbers of 64 bits they would be 190 MiB.
    data = png(5000, 5000, 16, rows=bytes(5000 * 10_001))

    assert growth_of_reading(data, 256) < 150


def test_one_bit_is_black_and_white():
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)

    assert read(image).pixels[0, :, 0].tolist() == [0, 255]


def test_alpha_is_split_off_and_hidden_colours_are_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(10, 20, 30, 0), (10, 20, 30, 1), (10, 20, 30, 255)])

    picture = read(image)

    assert picture.pixels.tolist() == [[[255, 255, 255], [10, 20, 30], [10, 20, 30]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 1, 255]]


def test_gray_with_alpha_keeps_both():
    image = Image.new("LA", (2, 1))
    image.putdata([(77, 128), (88, 0)])

    picture = read(image)

    assert picture.pixels[0].tolist() == [[77, 77, 77], [255, 255, 255]]
    assert picture.alpha.tolist() == [[128, 0]]


def test_a_palette_with_transparent_entries_gives_alpha():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])

    picture = read(image, transparency=bytes([255, 100, 0]))

    assert picture.pixels[0].tolist() == [[255, 0, 0], [0, 255, 0], [255, 255, 255]]
    assert picture.alpha.tolist() == [[255, 100, 0]]


def test_a_palette_without_transparency_has_no_alpha():
    image = Image.new("P", (1, 1), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])

    picture = read(image)

    assert picture.pixels.tolist() == [[[9, 8, 7]]]
    assert picture.alpha is None


@pytest.mark.parametrize(
    ("depth", "key", "row"),
    [(1, 1, 0b01_000000), (2, 1, 0b00_01_0000), (4, 1, 0x01), (8, 1, b"\0\1")],
)
def test_the_transparent_gray_of_a_png_is_found_at_every_depth(depth, key, row):
    rows = b"\0" + (row if isinstance(row, bytes) else bytes([row]))

    picture = decode(png(2, 1, depth, rows=rows, tRNS=struct.pack(">H", key)), MAX_PIXELS)

    assert picture.alpha.tolist() == [[255, 0]]


def test_the_transparent_gray_of_sixteen_bits_is_found():
    rows = b"\0" + struct.pack(">HH", 1000, 1001)

    picture = decode(png(2, 1, 16, rows=rows, tRNS=struct.pack(">H", 1001)), MAX_PIXELS)

    assert picture.alpha.tolist() == [[255, 0]]
    assert picture.pixels[0, :, 0].tolist() == [4, 255]


def test_the_transparent_colour_of_sixteen_bits_is_found():
    rows = b"\0" + struct.pack(">HHHHHH", 0x3456, 0, 0, 0x1234, 0, 0)

    picture = decode(png(2, 1, 16, 2, rows, tRNS=struct.pack(">HHH", 0x1234, 0, 0)), MAX_PIXELS)

    assert picture.alpha.tolist() == [[255, 0]]


@pytest.mark.parametrize("space", ["LAB", "XYZ"])
def test_a_profile_of_another_kind_of_colours_is_ignored(space):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()

    picture = read(Image.new("RGB", (1, 1), (200, 100, 50)), icc_profile=profile)

    assert picture.pixels.tolist() == [[[200, 100, 50]]]


def test_the_profile_of_srgb_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    picture = read(Image.new("RGB", (1, 1), (200, 100, 50)), icc_profile=profile)

    np.testing.assert_allclose(picture.pixels[0, 0], (200, 100, 50), atol=1)


def test_a_profile_is_followed():
    # sRGB with a curve of gamma 1: the byte 128 is half of the light, which sRGB writes as 188.
    profile = linear_profile()

    picture = read(Image.new("RGB", (1, 1), (128, 128, 128)), icc_profile=profile)

    np.testing.assert_allclose(picture.pixels.astype(int), 188, atol=1)


def test_a_profile_is_followed_beside_alpha():
    image = Image.new("RGBA", (1, 1), (128, 128, 128, 90))

    picture = read(image, icc_profile=linear_profile())

    np.testing.assert_allclose(picture.pixels.astype(int), 188, atol=1)
    assert picture.alpha.tolist() == [[90]]


def linear_profile():
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    linear = b"curv" + bytes(8)  # no entries: the identity
    for index in range(struct.unpack_from(">I", data, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + 12] = linear
    return bytes(data)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200])
def test_a_broken_profile_is_ignored(profile):
    picture = read(Image.new("RGB", (1, 1), (1, 2, 3)), icc_profile=profile)

    assert picture.pixels.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_is_read(format):
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    options = {"lossless": True} if format == "WEBP" else {}

    picture = read(red, format, save_all=True, append_images=[blue], **options)

    np.testing.assert_array_equal(picture.pixels, np.full((4, 4, 3), (255, 0, 0)))


def test_the_ending_of_a_name_means_nothing(tmp_path, noise):
    file = tmp_path / "lie.jpg"
    Image.fromarray(noise).save(file, "PNG")

    np.testing.assert_array_equal(decode(file.read_bytes(), MAX_PIXELS).pixels, noise)


BOMBS = {
    "PNG": png(10_000, 10_000),
    "PNG for Pillow's own guard": png(60_000, 60_000),
    "BMP": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 20_000, 20_000, 1, 24, *[0] * 6),
    "GIF": b"GIF89a"
    + struct.pack("<HHBBB", 30_000, 30_000, 0, 0, 0)
    + b",\0\0\0\0"
    + struct.pack("<HHB", 30_000, 30_000, 0)
    + b"\x02\0;",
    "WebP": b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0/"
    + struct.pack("<I", 16_000 << 14 | 16_000)
    + bytes(5),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused(bomb):
    with pytest.raises(TooManyPixels):
        decode(bomb, MAX_PIXELS)


def test_bombs_are_refused_before_a_pixel_of_them_exists():
    assert growth_of_reading_all(BOMBS.values(), None) < 2


def jpeg_of_scans(count, **options):
    """A progressive JPEG of so many scans, of which the last is there again and again."""
    data = file_of(Image.new("RGB", (64, 64), (9, 99, 199)), "JPEG", progressive=True, **options)
    own = data.count(b"\xff\xda")
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - own) + b"\xff\xd9"


def test_a_jpeg_of_more_scans_than_any_encoder_makes_is_refused():
    assert decode(jpeg_of_scans(100), MAX_PIXELS).size == (64, 64)

    with pytest.raises(UndecodableImage, match="more than 100 scans"):
        decode(jpeg_of_scans(101), MAX_PIXELS)


@pytest.mark.parametrize(
    "trick", [b"\xff\xfe\0\4\xff\xd9", b"\xff\xfe\0\2\xff\xff", b"\xff\1", b"\xff\0\xff\xd0"]
)
def test_scans_are_not_hidden_by_what_looks_like_the_end(trick):
    few, many = (
        data[: data.rindex(b"\xff\xda")] + trick + data[data.rindex(b"\xff\xda") :]
        for data in (jpeg_of_scans(50), jpeg_of_scans(101))
    )

    assert decode(few, MAX_PIXELS).size == (64, 64)  # a decoder goes on behind it
    with pytest.raises(UndecodableImage, match="more than 100 scans"):
        decode(many, MAX_PIXELS)


def test_what_looks_like_scans_in_a_comment_or_behind_the_end_does_not_count():
    many = b"\xff\xda\0\2" * 200
    data = jpeg_of_scans(10, comment=many)

    assert decode(data + b"\0\2" + many, MAX_PIXELS).size == (64, 64)


def test_the_limit_itself_is_allowed():
    data = file_of(Image.new("RGB", (10, 10)))

    assert decode(data, 100).size == (10, 10)
    with pytest.raises(TooManyPixels, match="10x10 pixels; at most 99 in all"):
        decode(data, 99)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_file_cut_short_is_refused(format, noise):
    whole = file_of(Image.fromarray(np.tile(noise, (20, 20, 1))), format)

    for length in (20, len(whole) // 2, len(whole) * 9 // 10):
        with pytest.raises(UndecodableImage, match="damaged or cut short"):
            decode(whole[:length], MAX_PIXELS)


def test_an_empty_file_is_refused():
    with pytest.raises(BadRequest, match="empty"):
        decode(b"", MAX_PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"8BPS\0\1",
        b"PK\3\4",
        b"RIFF\0\0\0\0WAVE",
        b"hello",
        b"\0",
    ],
)
def test_what_is_not_on_the_list_is_refused_unread(data):
    with pytest.raises(UnsupportedImageType, match="JPEG, PNG, WebP, GIF, BMP and TIFF"):
        decode(data, MAX_PIXELS)


def test_alpha_is_kept_in_png_and_webp():
    alpha = np.array([[0, 128, 255]], np.uint8)
    picture = Picture(np.full((1, 3, 3), 60, np.uint8), alpha)

    for format in (PictureFormat.PNG, PictureFormat.WEBP):
        back = decode(encode(picture, format, 100), MAX_PIXELS)
        np.testing.assert_array_equal(back.alpha, alpha)


def test_white_shows_through_in_jpeg():
    pixels = np.full((8, 24, 3), 55, np.uint8)
    alpha = np.repeat(np.array([[0, 128, 255]], np.uint8), 8, 1).repeat(8, 0)

    back = decode(encode(Picture(pixels, alpha), PictureFormat.JPEG, 100), MAX_PIXELS)

    # 255, half of each: (127·255 + 128·55) / 255, and 55.
    np.testing.assert_allclose(back.pixels[4, [4, 12, 20], 0], [255, 155, 55], atol=2)


@pytest.mark.parametrize("format", list(PictureFormat))
def test_no_metadata_of_a_picture_comes_out_again(format):
    exif = Image.Exif()
    exif[0x010E] = "SECRET"  # ImageDescription
    data = file_of(
        Image.new("RGB", (8, 8)), "JPEG", exif=exif, comment=b"SECRET", icc_profile=linear_profile()
    )
    assert b"SECRET" in data

    out = encode(decode(data, MAX_PIXELS), format, 90)

    assert b"SECRET" not in out
    with Image.open(BytesIO(out)) as image:
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()


def test_the_colours_of_a_jpeg_keep_their_resolution_from_quality_90_on():
    red = np.zeros((16, 16, 3), np.uint8)
    red[:, ::2, 0] = 255  # stripes of one pixel

    fine = decode(encode(Picture(red), PictureFormat.JPEG, 90), MAX_PIXELS).pixels
    coarse = decode(encode(Picture(red), PictureFormat.JPEG, 89), MAX_PIXELS).pixels

    assert fine[8, 0, 0] > 240
    assert coarse[8, 0, 0] < 200


def test_a_result_too_long_for_its_format_is_refused():
    strip = Picture(np.zeros((1, 16_384, 3), np.uint8))

    with pytest.raises(ResultTooLong, match="16,383 a side; ask for png"):
        encode(strip, PictureFormat.WEBP, 90)
    assert decode(encode(strip, PictureFormat.PNG, 90), MAX_PIXELS).size == (16_384, 1)


def test_a_large_picture_is_reduced_with_its_aspect():
    image = Image.new("RGBA", (100, 30), (9, 9, 9, 200))

    picture, size = decode_reduced(file_of(image), MAX_PIXELS, 10)

    assert size == (100, 30)
    assert picture.size == (10, 3)
    np.testing.assert_allclose(picture.pixels.astype(int), 9, atol=1)  # through alpha and back
    assert picture.alpha.tolist() == [[200] * 10] * 3


@pytest.mark.parametrize("max_edge", [7, 8, None])
def test_a_picture_that_is_small_enough_stays_as_it_is(noise, max_edge):
    picture, size = decode_reduced(file_of(Image.fromarray(noise)), MAX_PIXELS, max_edge)

    assert size == picture.size == (7, 5)
    np.testing.assert_array_equal(picture.pixels, noise)


def test_a_strip_is_not_reduced_to_nothing():
    picture, size = decode_reduced(file_of(Image.new("RGB", (5000, 1))), MAX_PIXELS, 10)

    assert (picture.size, size) == ((10, 1), (5000, 1))


def test_what_cannot_be_seen_does_not_bleed_into_what_can_when_a_picture_is_reduced():
    image = Image.new("RGBA", (80, 80), (0, 0, 255, 0))
    image.paste((255, 0, 0, 255), (0, 0, 37, 80))

    picture, _ = decode_reduced(file_of(image), MAX_PIXELS, 10)

    seen = picture.pixels[picture.alpha > 8]
    assert seen[:, 0].min() > 250
    assert seen[:, 2].max() < 5


@pytest.mark.parametrize("mode", ["P", "1", "I;16", "F", "CMYK", "LA"])
def test_every_mode_is_reduced_as_its_colours_are(mode):
    gradient = Image.radial_gradient("L")
    image = {
        "P": lambda: gradient.convert("P"),
        "1": lambda: gradient.convert("1"),
        "I;16": lambda: Image.fromarray(np.asarray(gradient).astype(np.uint16) * 257),
        "F": lambda: Image.fromarray(np.asarray(gradient).astype(np.float32)),
        "CMYK": lambda: gradient.convert("RGB").convert("CMYK"),
        "LA": lambda: gradient.convert("LA"),
    }[mode]()

    picture, size = decode_reduced(file_of(image, "TIFF"), MAX_PIXELS, 64)

    assert size == (256, 256)
    expected = np.asarray(gradient.resize((64, 64), Image.Resampling.LANCZOS)).astype(int)
    difference = picture.pixels.astype(int) - expected[..., None]
    assert abs(difference).mean() < (12 if mode == "1" else 3)


def photo(width, height):
    """Smooth and fine parts, such as photographs have."""
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray((smooth + rng.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8))


def lanczos(data, size):
    with Image.open(BytesIO(data)) as image:
        full = image.convert("RGB")
    return np.asarray(full.resize(size, Image.Resampling.LANCZOS)).astype(int)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_is_reduced_as_if_it_had_been_decoded_in_full(mode, progressive):
    data = file_of(photo(1203, 901).convert(mode), "JPEG", quality=92, progressive=progressive)

    picture, size = decode_reduced(data, MAX_PIXELS, 100)

    assert size == (1203, 901)
    assert picture.size == (100, 75)
    difference = picture.pixels - lanczos(data, (100, 75))
    assert abs(difference).mean() < 1.5
    assert abs(difference.mean()) < 0.2  # neither shifted nor darkened


def test_a_jpeg_is_never_decoded_at_less_than_twice_the_size_that_is_needed():
    data = file_of(photo(399, 250), "JPEG", quality=92)

    # 399 is just less than 2 times 2 times 100, so the very pixels are what Lanczos gets.
    picture, _ = decode_reduced(data, MAX_PIXELS, 100)

    np.testing.assert_array_equal(picture.pixels, lanczos(data, (100, 63)))


def test_a_large_jpeg_is_not_decoded_in_full():
    # 24 million pixels of 4 bytes, or an eighth of them a side.
    data = file_of(Image.new("RGB", (6000, 4000)), "JPEG")

    assert growth_of_reading(data, 350) < 20
    assert growth_of_reading(data, None) > 90


# Where the red corner lies, as above.
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (1, 0)), (3, (1, 1)), (4, (0, 1)), (5, (0, 0)), (6, (1, 0)), (7, (1, 1)),
     (8, (0, 1))],
)  # fmt: skip
def test_a_reduced_jpeg_is_turned_upright(orientation, corner):
    image = Image.new("RGB", (800, 480), "white")
    image.paste((255, 0, 0), (0, 0, 200, 120))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    picture, size = decode_reduced(file_of(image, "JPEG", exif=exif), MAX_PIXELS, 50)

    sideways = orientation >= 5
    assert size == ((480, 800) if sideways else (800, 480))
    assert picture.size == ((30, 50) if sideways else (50, 30))
    right, lower = corner
    assert picture.pixels[-1 if lower else 0, -1 if right else 0, 1] < 20
    assert (picture.pixels[..., 1] < 128).mean() == pytest.approx(1 / 16, abs=0.02)


def test_a_profile_is_followed_in_a_reduced_jpeg():
    image = Image.new("RGB", (640, 640), (128, 128, 128))
    data = file_of(image, "JPEG", icc_profile=linear_profile())

    picture, _ = decode_reduced(data, MAX_PIXELS, 40)

    np.testing.assert_allclose(picture.pixels.astype(int), 188, atol=1)


# The two round differently below quality 96, which makes neither better by what one could see.
@pytest.mark.parametrize("quality", [1, 50, 89, 90, 100])
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (300, 200)])
def test_a_jpeg_is_as_good_as_pillow_would_write_it(quality, size):
    pixels = np.asarray(photo(*size))

    ours = encode(Picture(pixels), PictureFormat.JPEG, quality)

    subsampling = "4:4:4" if quality >= 90 else "4:2:0"
    theirs = file_of(Image.fromarray(pixels), "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(BytesIO(ours)) as a, Image.open(BytesIO(theirs)) as b:
        assert (a.mode, a.size, a.layer) == (b.mode, b.size, b.layer)
        assert a.quantization == b.quantization
        errors = [np.asarray(image).astype(float) - pixels for image in (a, b)]
    assert abs(errors[0] - errors[1]).mean() < 3
    assert noise_power(errors[0]) < noise_power(errors[1]) * 1.1 + 0.5
    assert len(ours) == pytest.approx(len(theirs), rel=0.03)


def noise_power(errors):
    return np.square(errors).mean()


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, ::2], np.s_[3:9, 2:11], np.s_[..., ::-1]])
@pytest.mark.parametrize("format", list(PictureFormat))
def test_pixels_may_lie_in_memory_as_they_like(view, format):
    pixels = np.asarray(photo(16, 12))[view]

    encoded = encode(Picture(pixels), format, 95)

    assert encoded == encode(Picture(pixels.copy()), format, 95)


def test_a_picture_for_which_there_is_no_memory_is_refused(monkeypatch, noise):
    def load(_self):
        raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    with pytest.raises(UndecodableImage, match="not enough memory for the PNG picture"):
        decode(file_of(Image.fromarray(noise)), MAX_PIXELS)


def test_no_decoder_is_loaded_of_a_format_that_is_not_read():
    files = [file_of(Image.new("RGB", (4, 4)), format) for format in ("WEBP", "TIFF", "GIF")]
    code = f"""
import sys
from service.images import decode
for data in {files!r}:
    decode(data, 100)
sys.exit("PIL.PdfImagePlugin" in sys.modules or "PIL.EpsImagePlugin" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
