import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from service.errors import (
    BadRequest,
    ResultTooLong,
    TooManyPixels,
    UndecodableImage,
    UnsupportedImageType,
)
from service.formats import PictureFormat
from service.images import Picture, decode, encode

MAX_PIXELS = 50_000_000
ORIENTATION = 0x0112


def file_of(image, format="PNG", **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def read(image, format="PNG", **options):
    return decode(file_of(image, format, **options), MAX_PIXELS)


def png(width, height, depth=8, colour=0, rows=b"", **chunks):
    """A PNG by hand, so that its header may lie."""

    def chunk(name, data):
        body = name.encode() + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    more = b"".join(chunk(name, data) for name, data in chunks.items())
    pixels = chunk("IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + more + pixels + chunk("IEND", b"")


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

    picture = read(image, format, exif=exif, **options)

    assert picture.size == size
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
        (np.array([[0, 32896, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 2**30, 2**31 - 1]], np.int32), [0, 128, 255]),
    ],
)
def test_floats_and_long_integers_are_scaled_by_what_they_hold(values, expected):
    assert read(Image.fromarray(values), "TIFF").pixels[0, :, 2].tolist() == expected


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


def test_colours_come_out_as_srgb():
    # A profile whose red and blue have changed places, as seen from sRGB.
    wide = ImageCms.createProfile("LAB")
    plain = read(Image.new("RGB", (1, 1), (200, 100, 50)))
    unfitting = read(
        Image.new("RGB", (1, 1), (200, 100, 50)),
        icc_profile=ImageCms.ImageCmsProfile(wide).tobytes(),
    )
    same = read(
        Image.new("RGB", (1, 1), (200, 100, 50)),
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )

    np.testing.assert_array_equal(unfitting.pixels, plain.pixels)
    np.testing.assert_allclose(same.pixels.astype(int), plain.pixels.astype(int), atol=1)


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


@pytest.mark.parametrize(
    "header",
    [
        png(10_000, 10_000),
        png(60_000, 60_000),  # where Pillow's own guard raises
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 20_000, 20_000, 1, 24, *[0] * 6),
        b"GIF89a" + struct.pack("<HHBBB", 30_000, 30_000, 0, 0, 0) + b",\0\0\0\0"
        + struct.pack("<HHB", 30_000, 30_000, 0) + b"\x02\0;",
        b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0/" + struct.pack("<I", 16_000 << 14 | 16_000) + bytes(5),
    ],
)  # fmt: skip
def test_a_bomb_is_refused_before_a_pixel_of_it_exists(header):
    decode(png(1, 1, rows=b"\0\0"), MAX_PIXELS)  # Pillow has imported what it needs
    tracemalloc.start()

    with pytest.raises(TooManyPixels):
        decode(header, MAX_PIXELS)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


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
    picture = Picture(np.full((30, 100, 3), 9, np.uint8), np.full((30, 100), 200, np.uint8))

    reduced = picture.reduced(10)

    assert reduced.size == (10, 3)
    np.testing.assert_allclose(reduced.pixels.astype(int), 9, atol=1)  # through alpha and back
    assert reduced.alpha.tolist() == [[200] * 10] * 3
    assert picture.reduced(100) is picture


def test_a_strip_is_not_reduced_to_nothing():
    assert Picture(np.zeros((1, 5000, 3), np.uint8)).reduced(10).size == (10, 1)
