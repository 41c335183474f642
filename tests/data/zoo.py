"""A folder with every kind of file that folders of photos hold, made here: good ones with their colour, and bad ones
with the reason that must be given."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from zerokd.files.colour_profile import SRGB_PROFILE

LEVEL = (120, 60, 30)
GREY = 90


def flat(mode="RGB", size=(40, 32)):
    return Image.new("RGB", size, LEVEL).convert(mode)


def data(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    size = (32, 40) if orientation > 4 else (40, 32)
    return data(flat(size=size), "JPEG", exif=exif, quality=95)


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png, kind, body):
    return png[:33] + png_chunk(kind, body) + png[33:]


def promising(png, width, height):
    header = struct.pack(">II", width, height) + png[24:29]
    return png[:8] + png_chunk(b"IHDR", header) + png[33:]


def rgb16():
    """A PNG of 16 bits a channel, written by hand: Pillow writes none."""
    row = b"\0" + struct.pack(">3H", *(257 * level for level in LEVEL)) * 40
    header = struct.pack(">IIBBBBB", 40, 32, 16, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(row * 32)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def apng():
    """Three frames, of which libraries that know PNG alone count one."""
    frames = [flat(), *(Image.new("RGB", (40, 32), (level,) * 3) for level in (9, 99))]
    return data(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)


def tiff(pixels, photometric, **tags):
    """A little-endian TIFF of one strip without compression, written by hand."""
    height, width, samples = pixels.shape
    bits, strip = 8 * pixels.dtype.itemsize, pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    values = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: samples, 278: height}
    entries = {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in values.items()}
    end = 8 + len(strip)
    entries[258] = struct.pack("<HHII", 258, 3, samples, end)
    entries[279] = struct.pack("<HHII", 279, 4, 1, len(strip))
    entries |= {int(tag[1:]): struct.pack("<HHI4s", int(tag[1:]), *entry) for tag, entry in tags.items()}
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    depths = struct.pack(f"<{samples}H", *[bits] * samples)
    return b"II*\0" + struct.pack("<I", end + len(depths)) + strip + depths + directory


def cmyk16():
    inks = [65535 - 257 * level for level in LEVEL]
    return tiff(np.full((32, 40, 4), [*inks, 0], np.uint16), 5)


def ycbcr():
    colours = np.full((32, 40, 3), (75, 103, 160), np.uint8)  # of LEVEL, by ITU-R BT.601
    return tiff(colours, 6, t530=(3, 2, struct.pack("<HH", 1, 1)))


def phone():
    """A JPEG with a gain map and a video behind the image, which its XMP describes, and EXIF of a phone."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013C] = "Maker", "A phone"
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0"/></rdf:RDF></x:xmpmeta>'
    )
    image = data(flat(), "JPEG", quality=95, exif=exif, xmp=xmp)
    return image + data(Image.new("L", (10, 8)), "JPEG") + b"\0\0\0\x18ftypmp42" + bytes(12)


BLACK = Image.new("RGB", (40, 32))
PNG, JPEG = data(flat(), "PNG"), data(flat(), "JPEG", quality=95)
BOMB = zlib.compress(b"\0" * (200 << 20), 9)  # 200 MiB in 200 kB
TEXT = PngImagePlugin.PngInfo()
TEXT.add_itxt("Comment", "x" * 500_000, zip=True)

GOOD = {  # name: bytes, and the colour that the photo shows
    "plain.png": (PNG, LEVEL),
    "plain.jpg": (JPEG, LEVEL),
    "SHOUTED.JPG": (JPEG, LEVEL),
    "progressive.jpeg": (data(flat(), "JPEG", progressive=True, quality=95), LEVEL),
    "really_a_png.jpg": (PNG, LEVEL),
    "plain.webp": (data(flat(), "WEBP", lossless=True), LEVEL),
    "plain.bmp": (data(flat(), "BMP"), LEVEL),
    "plain.tif": (data(flat(), "TIFF"), LEVEL),
    "packed.tiff": (data(flat(), "TIFF", compression="tiff_lzw"), LEVEL),
    "cmyk.jpg": (data(flat("CMYK"), "JPEG", quality=95), LEVEL),
    "palette.png": (data(flat("P"), "PNG"), None),
    "grey.png": (data(Image.new("L", (40, 32), GREY), "PNG"), (GREY,) * 3),
    "grey_alpha.png": (data(Image.new("LA", (40, 32), (GREY, 255)), "PNG"), (GREY,) * 3),
    "alpha.png": (data(Image.new("RGBA", (40, 32), (*LEVEL, 255)), "PNG"), LEVEL),
    "clear.png": (data(Image.new("RGBA", (40, 32), (*LEVEL, 0)), "PNG"), (0, 0, 0)),
    "two_colours.png": (data(Image.new("1", (40, 32), 1), "PNG"), (255,) * 3),
    "grey16.png": (data(Image.fromarray(np.full((32, 40), 257 * GREY, np.uint16)), "PNG"), (GREY,) * 3),
    "grey16.tif": (data(Image.fromarray(np.full((32, 40), 257 * GREY, np.uint16)), "TIFF"), (GREY,) * 3),
    "rgb16.png": (rgb16(), LEVEL),
    "profile.png": (data(flat(), "PNG", icc_profile=SRGB_PROFILE.tobytes()), LEVEL),
    "bomb_in_text.png": (with_chunk(PNG, b"zTXt", b"Comment\0\0" + BOMB), LEVEL),  # its pixels are whole
    "much_text.png": (data(flat(), "PNG", pnginfo=TEXT), LEVEL),
    "broken_exif.jpg": (data(flat(), "JPEG", quality=95, exif=b"Exif\0\0II*\0" + b"\xff" * 60), LEVEL),
    "two_pages.tif": (data(flat(), "TIFF", save_all=True, append_images=[flat()]), LEVEL),
    "moving.webp": (
        data(flat(), "WEBP", save_all=True, append_images=[Image.new("RGB", (40, 32))], lossless=True),
        LEVEL,
    ),
    "stereo.jpg": (data(flat(), "MPO", save_all=True, append_images=[flat()], quality=95), LEVEL),
    "frames.png": (apng(), LEVEL),
    "linear.png": (with_chunk(PNG, b"gAMA", struct.pack(">I", 100_000)), LEVEL),
    "text.png": (with_chunk(PNG, b"iTXt", b"Title\0\0\0\0\0" + "ünï 夜".encode()), LEVEL),
    "phone.jpg": (phone(), LEVEL),
    "cmyk16.tif": (cmyk16(), LEVEL),
    "ycbcr.tif": (ycbcr(), LEVEL),
    "with space ünï.png": (PNG, LEVEL),
    "line\nbreak.png": (PNG, LEVEL),
    **{f"turned{number}.jpg": (turned(number), LEVEL) for number in range(1, 9)},
}
BAD = {  # name: bytes, and what the reason says
    "zero.jpg": (b"", "empty file"),
    "text.jpg": (b"not a photo at all\n" * 9, "not an image"),
    "html.png": (b"<html><body>404</body></html>", "not an image"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "runcated"),
    "cut.png": (PNG[: len(PNG) // 2], ""),
    "header_only.png": (PNG[:33], ""),
    "more_rows.png": (promising(PNG, 40, 64), "truncated"),
    "moving.png": (data(flat("P"), "GIF", save_all=True, append_images=[flat("P")]), "a GIF file"),
    "dot.png": (data(flat(size=(1, 1)), "PNG"), "1x1 pixels"),
    "thread.png": (data(flat(size=(1, 20000)), "PNG"), "1x20000 pixels"),
    "hundred_megapixels.png": (promising(PNG, 10_000, 10_001), "million in all"),
    "billions.png": (promising(PNG, 2**31 - 1, 2**31 - 1), ""),
    "bomb_in_profile.png": (with_chunk(PNG, b"iCCP", b"x\0\0" + BOMB), ""),
    "broken_profile.png": (data(flat(), "PNG", icc_profile=b"x" * 200), "damaged colour profile"),
    "float.tif": (data(Image.fromarray(np.full((32, 40), 0.5, np.float32)), "TIFF"), "32-bit"),
    "._of_a_mac.jpg": (b"\0\5\x16\7" + b"\0" * 200, "not an image"),
    "later.jpg": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "a JPEG 2000 file (unsupported)"),
    "packed.tif": (tiff(np.zeros((32, 40, 3), np.uint8), 2, t259=(3, 1, b"\x98\x87\0\0")), "unsupported: "),
    "sensor.tif": (tiff(np.zeros((32, 40, 1), np.uint8), 32803), "the raw values of a sensor"),
    "lab.tif": (tiff(np.zeros((32, 40, 3), np.uint8), 9), "ICC Lab"),
    "noise.bmp": (b"BM" + bytes(range(256)) * 4, ""),
}
NO_PHOTOS = {"notes.txt": b"hello", "movie.gif": b"GIF89a", "archive.zip": b"PK", "photo.jpg.part": JPEG}


def build(folder: Path) -> dict[str, str]:
    """Fill a folder; returns what is no plain file and must be refused too: name, and what the reason says."""
    for name, (content, _) in (GOOD | BAD).items():
        (folder / name).write_bytes(content)
    for name, content in NO_PHOTOS.items():
        (folder / name).write_bytes(content)
    (folder / "a folder.jpg").mkdir()
    os.symlink(folder / "nowhere.png", folder / "broken_link.png")
    os.symlink("/etc/hostname", folder / "leads_out.png")
    os.symlink(folder / "circle.png", folder / "circle.png")
    os.mkfifo(folder / "pipe.jpg")
    return {
        "broken_link.png": "broken link",
        "leads_out.png": "not an image",
        "circle.png": "",
        "pipe.jpg": "not a regular file",
    }
