"""Files that a service should survive, the same each time: sound ones, lies, damage and bombs."""

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

WIDTH, HEIGHT = 24, 16
ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


@dataclass(frozen=True)
class HostileFile:
    """A file, how it is sent, and what is to become of it.

    `expect` is a label as in the manifest of ../shared/data/hostile-images: `accept`, `upright`,
    `reject_bomb`, `reject_type`, or `no5xx`, where both a picture and a refusal are right.
    """

    name: str
    data: bytes
    expect: str
    declared: str = "application/octet-stream"
    filename: str | None = None
    """If given, it is sent in a form, under this name."""
    size: tuple[int, int] = (WIDTH, HEIGHT)
    """Of the answer, where it is accepted."""


@cache
def hostile_files(seed=0):
    """Make them all, more than 300."""
    rng = np.random.default_rng(seed)
    sound = sound_pictures(rng)
    return [
        *(HostileFile(name, data, "accept") for name, data in sound.items()),
        *turned(rng),
        *cut_short(sound),
        *with_flipped_bytes(sound, rng),
        *under_false_names(sound),
        *with_odd_metadata(sound, rng),
        *with_something_around(sound),
        *bombs(sound),
        *of_refused_types(rng),
        *with_odd_structure(sound),
    ]


def sound_pictures(rng):
    """One of each format, mode and compression, by name."""
    rgba = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8))
    modes = {mode: rgba.convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")}
    gray = np.asarray(modes["L"])
    modes["I;16"] = Image.fromarray(gray.astype(np.uint16) * 257)
    modes["I"] = Image.fromarray(gray.astype(np.int32) * 70000)
    modes["F"] = Image.fromarray(gray.astype(np.float32) / 255)
    odd = gray.astype(np.float32)
    odd[0, :3] = np.nan, np.inf, -np.inf
    modes["F with NaN"] = Image.fromarray(odd)
    more = {"save_all": True, "append_images": [modes["RGB"].rotate(180)] * 3}
    kinds = [
        *(("JPEG", mode, {}) for mode in ("RGB", "L", "CMYK")),
        *(("JPEG", mode, {"progressive": True}) for mode in ("RGB", "CMYK")),
        *(("PNG", mode, {}) for mode in ("RGB", "1", "L", "LA", "P", "RGBA", "I;16")),
        ("PNG", "P", {"transparency": bytes(range(0, 256, 2))}),
        ("PNG", "L", {"transparency": 7}),
        ("PNG", "RGB", {"transparency": (1, 2, 3)}),
        *(("WEBP", mode, {}) for mode in ("RGB", "RGBA")),
        ("WEBP", "RGBA", {"lossless": True}),
        *(("GIF", mode, {}) for mode in ("RGB", "1", "L", "P", "RGBA")),
        *(("BMP", mode, {}) for mode in ("RGB", "1", "L", "P", "RGBA")),
        *(("TIFF", mode, {}) for mode in ("RGB", *modes)),
        *(("TIFF", "RGB", {"compression": name}) for name in ("tiff_lzw", "packbits", "jpeg")),
        ("TIFF", "1", {"compression": "group4"}),
        *((format, "RGB", more) for format in ("GIF", "PNG", "WEBP", "TIFF")),
    ]
    pictures = {}
    for format, mode, options in kinds:
        data = file_of(modes[mode], format, **options)
        # The plain one of each format is called by it alone.
        pictures[" ".join([format, mode, *options]) if format in pictures else format] = data
    return pictures


def file_of(image, format, **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def turned(rng):
    """With every orientation of EXIF, and two that there are not."""
    image = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    for format in ("JPEG", "PNG", "WEBP", "TIFF"):
        for orientation in range(10):
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            size = (HEIGHT, WIDTH) if 5 <= orientation <= 8 else (WIDTH, HEIGHT)
            name = f"{format} of orientation {orientation}"
            yield HostileFile(name, file_of(image, format, exif=exif), "upright", size=size)


def cut_short(sound):
    """With their ends missing."""
    for name, data in sound.items():
        for percent in (2, 50, 95):
            yield HostileFile(f"{name}, {percent} %", data[: len(data) * percent // 100], "no5xx")


def with_flipped_bytes(sound, rng):
    """With bytes that are others than they were."""
    for name, data in sound.items():
        for count in (1, 6, 60):
            damaged = bytearray(data)
            for place in rng.integers(4, len(data), count):
                damaged[place] = rng.integers(256)
            yield HostileFile(f"{name}, {count} bytes flipped", bytes(damaged), "no5xx")


def under_false_names(sound):
    """Declared as what they are not, and with names that nobody should use."""
    lies = [
        ("image/svg+xml", "picture.svg"),
        ("image/jpeg", "../../../etc/passwd"),
        ("image/png", "C:\\picture.exe"),
        ("IMAGE/X-Nothing; charset=nothing", "picture.jpg.php"),
        ("", "ü" * 300),
    ]
    for format in FORMATS:
        for declared, filename in lies:
            yield HostileFile(f"{format} as {declared}", sound[format], "accept", declared)
            name = f"{format} called {filename[:20]}"
            yield HostileFile(name, sound[format], "accept", declared, filename)
        for declared in ("application/pdf", "text/html"):
            yield HostileFile(f"{format} as {declared}", sound[format], "reject_type", declared)


def with_odd_metadata(sound, rng):
    """With EXIF blocks and colour profiles that are broken, or of something else."""
    with Image.open(BytesIO(sound["PNG"])) as image:
        image.load()
    srgb, lab = profile_of("sRGB"), profile_of("LAB")
    profiles = [b"x", rng.bytes(128), rng.bytes(3000), srgb[:200], srgb[:-20], lab, srgb * 200]
    entry = struct.Struct("<HHII").pack
    tiff = b"II*\0\x08\0\0\0"
    blocks = [
        b"Exif\0\0",
        rng.bytes(60),
        b"Exif\0\0" + rng.bytes(60),
        b"Exif\0\0" + tiff + b"\xff\xff",
        # The orientation as a text, as billions of numbers, and as one that is far behind the end.
        b"Exif\0\0" + tiff + b"\1\0" + entry(ORIENTATION, 2, 4, 0x36) + bytes(4),
        b"Exif\0\0" + tiff + b"\1\0" + entry(ORIENTATION, 3, 2**32 - 1, 8) + bytes(4),
        b"Exif\0\0" + tiff + b"\1\0" + entry(ORIENTATION, 5, 1, 2**32 - 1) + bytes(4),
        # A directory that is its own successor, and one that lies within itself.
        b"Exif\0\0" + tiff + b"\1\0" + entry(ORIENTATION, 3, 1, 1) + b"\x08\0\0\0",
        b"Exif\0\0" + tiff + b"\1\0" + entry(0x8769, 4, 1, 8) + bytes(4),
    ]
    for format in ("JPEG", "PNG", "WEBP"):
        for number, profile in enumerate(profiles):
            data = file_of(image, format, icc_profile=profile)
            yield HostileFile(f"{format} with broken profile {number}", data, "accept")
        for number, block in enumerate(blocks):
            data = file_of(image, format, exif=block)
            yield HostileFile(f"{format} with broken EXIF {number}", data, "accept")


def with_something_around(sound):
    """With something behind their end, or before their beginning."""
    for format in FORMATS:
        for what in (b"PK\3\4 not a zip", b"<script>alert(1)</script>", bytes(2**20)):
            data = sound[format] + what
            yield HostileFile(f"{format} and then {what[:8]}", data, "accept")
        for what in (b"\n", b"\xef\xbb\xbf", b"<?php "):
            yield HostileFile(f"{what} and then {format}", what + sound[format], "reject_type")


def bombs(sound):
    """Small files that say, or hold, that they are large ones."""
    for side in (8_000, 60_000, 2**31 - 1):
        yield HostileFile(f"PNG {side}²", png(side, side), "reject_bomb")
        yield HostileFile(f"BMP {side}²", bmp(side, side), "reject_bomb")
        yield HostileFile(f"TIFF {side}²", tiff(side, side), "reject_bomb")
        yield HostileFile(f"TIFF {side}², big end first", tiff(side, side, ">"), "reject_bomb")
    for side in (8_000, 30_000, 65_500):
        for name in ("JPEG", "JPEG L", "JPEG CMYK", "JPEG RGB progressive"):
            data = jpeg_with_size(sound[name], side, side)
            yield HostileFile(f"{name} {side}²", data, "reject_bomb")
        yield HostileFile(f"GIF {side}²", gif(side, side), "reject_bomb")
        yield HostileFile(f"GIF, its picture {side}²", gif(9, 9, side, side), "reject_bomb")
    for side in (8_000, 16_383):
        size = side - 1 << 14 | side - 1
        lossless = riff(b"VP8L", b"/" + struct.pack("<I", size) + bytes(9))
        yield HostileFile(f"WebP without loss {side}²", lossless, "reject_bomb")
        lossy = riff(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", side, side) + bytes(9))
        yield HostileFile(f"WebP with loss {side}²", lossy, "reject_bomb")
    # 75 bytes of a scan keep a decoder busy for as long as a whole picture does.
    progressive = sound["JPEG RGB progressive"]
    last_scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    scans = progressive[:-2] + last_scan * 500 + b"\xff\xd9"
    yield HostileFile("JPEG of 500 scans", scans, "reject_bomb")
    # All that they announce is there, in kilobytes.
    rows = bytes(1001 * 6_400)
    yield HostileFile("PNG, all of it", png(8_000, 6_400, 1, rows=rows), "reject_bomb")
    much = zlib.compress(bytes(100 * 2**20), 9)
    for name, data in {
        "iCCP": b"profile\0\0" + much,
        "zTXt": b"text\0\0" + much,
        "iTXt": b"text\0\1\0\0\0" + much,
    }.items():
        bomb = png(1, 1, rows=b"\0\0", **{name: data})
        yield HostileFile(f"PNG with much in its {name}", bomb, "reject_bomb")


def of_refused_types(rng):
    """What is no picture, or of a format that is not read, and says that it is a JPEG."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    types = {
        "SVG": svg,
        "SVG of XML": b"<?xml version='1.0'?><!DOCTYPE svg SYSTEM 'file:///etc/passwd'>" + svg,
        "SVG in gzip": b"\x1f\x8b\x08\0" + bytes(20),
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file",
        "EPS for DOS": b"\xc5\xd0\xd3\xc6" + bytes(30),
        "zip": b"PK\3\4\x14\0" + bytes(30),
        "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3),
        "ICO": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(40),
        "ICNS": b"icns\0\0\0\x40ic07" + bytes(40),
        "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        "JPEG 2000 stream": b"\xff\x4f\xff\x51\0\x2f" + bytes(40),
        "JPEG XL": b"\xff\x0a" + bytes(40),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
        "FITS": b"SIMPLE  =                    T" + bytes(80),
        "PPM": b"P6\n9999999 9999999\n255\n",
        "PFM": b"PF\n3 3\n-1.0\n" + bytes(108),
        "XBM": b"#define x_width 9\n#define x_height 9\nstatic char x_bits[] = {",
        "XPM": b"/* XPM */ static char *x[] = {",
        "PCX": b"\x0a\5\1\x08" + bytes(124),
        "DDS": b"DDS \x7c\0\0\0" + bytes(120),
        "SGI": b"\x01\xda\0\1\0\3" + bytes(60),
        "TGA": b"\0\0\2" + bytes(9) + b"\x10\0\x10\0\x18\0",
        "QOI": b"qoif\0\0\0\x10\0\0\0\x10\3\0",
        "WMF": b"\xd7\xcd\xc6\x9a" + bytes(40),
        "EMF": b"\1\0\0\0\x6c\0\0\0" + bytes(40),
        "FLI": bytes(4) + b"\x11\xaf" + bytes(122),
        "WAV": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
        "AVI": b"RIFF\x24\0\0\0AVI LIST" + bytes(30),
        "MP3": b"ID3\4\0\0" + bytes(30),
        "ELF": b"\x7fELF\2\1\1" + bytes(30),
        "EXE": b"MZ\x90\0" + bytes(60),
        "pickle": b"\x80\4\x95\x1a\0\0\0\0\0\0\0\x8c\5posix\x8c\6system\x93.",
        "HTML": b"<!DOCTYPE html><script>alert(1)</script>",
        "JSON": b'{"inputs": "aGVsbG8="}',
        "text": b"GIF87 is what this is about",
        "UTF-16": "\ufeffBM".encode("utf-16-be"),
        "zeros": bytes(1000),
        "noise": b"\xfe" + rng.bytes(1000),
        "one byte": b"\x89",
    }
    for name, data in types.items():
        yield HostileFile(name, data, "reject_type", "image/jpeg")
        yield HostileFile(f"{name} in a form", data, "reject_type", "image/jpeg", "picture.jpg")


def with_odd_structure(sound):
    """With parts that are missing, repeated, impossible or in a circle."""
    jpeg, gif_, webp = sound["JPEG"], sound["GIF"], sound["WEBP"]
    loop = bytearray(tiff(WIDTH, HEIGHT))
    loop[-4:] = struct.pack("<I", 8)
    odd = {
        "nothing": b"",
        "JPEG twice": jpeg + jpeg,
        "JPEG with two headers": jpeg[: jpeg.index(b"\xff\xda")] + jpeg[2:],
        "JPEG without a scan": jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9",
        "JPEG without tables": jpeg.replace(b"\xff\xc4", b"\xff\xfe"),
        "JPEG of no width": jpeg_with_size(jpeg, 0, HEIGHT),
        "JPEG of no height": jpeg_with_size(jpeg, WIDTH, 0),
        "JPEG marker alone": b"\xff\xd8\xff",
        "PNG of no size": png(0, 0),
        "PNG of no height": png(9, 0),
        "PNG of 3 bits": png(9, 9, 3, rows=bytes(90)),
        "PNG of colour type 5": png(9, 9, 8, 5, rows=bytes(90)),
        "PNG without its palette": png(9, 9, 8, 3, rows=bytes(90)),
        "PNG of too few rows": png(9, 9, rows=bytes(20)),
        "PNG of too many rows": png(9, 9, rows=bytes(10**6)),
        "PNG of 3,000 texts": png(
            9, 9, rows=bytes(90), **{f"t{n:03X}": b"k\0t" for n in range(3000)}
        ),
        "PNG without an end": sound["PNG"][:-12],
        "GIF of no size": gif(0, 0),
        "GIF whose picture has no size": gif(9, 9, 0, 0),
        "GIF without a palette": gif_[:10] + b"\0" + gif_[11:],
        "GIF with codes of 99 bits": gif(9, 9, code_size=99),
        "GIF without a picture": gif_[:13] + b";",
        "BMP from above": bmp(9, -9, pixels=bytes(9 * 28)),
        "BMP of the least height": bmp(9, -(2**31)),
        "BMP of no size": bmp(0, 0),
        "BMP of 5 bits": bmp(9, 9, bits=5, pixels=bytes(999)),
        "BMP of runs": bmp(9, 9, bits=8, compression=1, pixels=b"\xff\1" * 99),
        "BMP of jumps": bmp(9, 9, bits=8, compression=1, pixels=b"\0\2\xff\xff" * 99),
        "TIFF in a circle": bytes(loop),
        "TIFF whose directory is elsewhere": b"II*\0\xff\xff\xff\x7f",
        "TIFF of no tags": b"II*\0\x08\0\0\0\0\0\0\0\0\0",
        "TIFF of 65,535 tags": b"II*\0\x08\0\0\0\xff\xff" + bytes(60),
        "TIFF of no width": tiff(0, HEIGHT),
        "TIFF of 65,535 samples": tiff(WIDTH, HEIGHT, samples=65_535),
        "TIFF without its strip": tiff(WIDTH, HEIGHT),
        "TIFF of 64 bits": b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63),
        "WebP of no length": webp[:4] + bytes(4) + webp[8:],
        "WebP of any length": webp[:4] + b"\xff" * 4 + webp[8:],
        "WebP of no chunks": riff(b"VP8X", bytes(10)),
        "WebP of no frames": riff(b"VP8X", b"\2" + bytes(9)) + b"ANIM\6\0\0\0" + bytes(6),
        "WebP of a sound": b"RIFF\x0c\0\0\0WEBPWAVE",
    }
    for name, data in odd.items():
        yield HostileFile(name, data, "no5xx")


def profile_of(space):
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes())
    profile[24:36] = bytes(12)  # when it was made
    return bytes(profile)


def png(width, height, depth=8, colour=0, rows=b"", **chunks):
    def chunk(name, data):
        body = name.encode() + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    more = b"".join(chunk(name, data) for name, data in chunks.items())
    pixels = chunk("IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + more + pixels + chunk("IEND", b"")


def bmp(width, height, bits=24, compression=0, pixels=b""):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


def gif(width, height, picture_width=None, picture_height=None, code_size=2):
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    size = picture_width or width, picture_height or height
    picture = b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + bytes([code_size])
    return b"GIF89a" + screen + picture + b"\2\x4c\1\0;"


def jpeg_with_size(data, width, height):
    changed = bytearray(data)
    start = min(data.find(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    struct.pack_into(">HH", changed, start + 5, height, width)
    return bytes(changed)


def riff(name, data):
    chunk = name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def tiff(width, height, order="<", samples=1):
    tags = [(256, 4, width), (257, 4, height), (258, 4, 8), (259, 4, 1), (262, 4, 1), (273, 4, 8),
            (277, 4, samples), (278, 4, height), (279, 4, 100)]  # fmt: skip
    directory = b"".join(struct.pack(order + "HHII", tag, kind, 1, v) for tag, kind, v in tags)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "IH", 8, len(tags)) + directory + bytes(4)
