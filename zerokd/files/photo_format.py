"""The format of a photo, by its bytes, and what the decoder does not read."""

from __future__ import annotations

import base64
import logging
import re
from functools import cache
from pathlib import Path
from typing import Literal

import pyvips

PhotoFormat = Literal["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF", "JXL"]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIGNATURES: dict[bytes, PhotoFormat] = {
    b"\xff\xd8\xff": "JPEG",
    PNG_SIGNATURE: "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"\xff\x0a": "JXL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JXL",
}
UNSUPPORTED_SIGNATURES = {
    b"GIF8": "GIF",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"8BPS": "Photoshop",
    b"gimp xcf": "GIMP",
    b"\0\0\1\0": "icon",
    b"\0\0\2\0": "cursor",
    b"icns": "icon",
    b"<svg": "SVG",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"II\xbc": "JPEG XR",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"BPG\xfb": "BPG",
    b"FLIF": "FLIF",
    b"\x8aMNG": "MNG",
    b"\x8bJNG": "JNG",
    b"SIMPLE  =": "FITS",
    b"FUJIFILMCCD-RAW": "Fujifilm raw",
    b"IIRO": "Olympus raw",
    b"IIRS": "Olympus raw",
    b"IIU\0": "Panasonic raw",
    b"FOVb": "Sigma raw",
    b"\0MRM": "Minolta raw",
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"PK\3\4": "ZIP",
    b"\x1f\x8b": "gzip",
}
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
LOADERS_BY_SUFFIX: dict[str, PhotoFormat] = {".avif": "HEIF", ".heic": "HEIF", ".heif": "HEIF", ".jxl": "JXL"}
HEVC_SUFFIXES = (".heic", ".heif")
HEIC_SAMPLE = base64.b85decode(  # 64x64 pixels of one colour
    b"0000OW^{RQXk}?*00000ZE0pPXk}?*0003dZDn*}000000000XXk=`10000000000aA{+7000000000000000000004sdC7Z2$lO0003100"
    b"16oY;R)#0000)000310RR910RR92MgRZ+DF6TfBWY=FW&i*H00031000$fZf0cy000000RRAKc4ILB00020X>f9I0001uX>en20001SXm(>"
    b"m0R#vD005t;000009`FGC{rLC*01pG80096OKmiN^|NjIC00093pQr!;0{{RXx&lC<0096dLID8;2mk;B0H3G;00RI39-ttB1(xcs3z`A|0"
    b"0RI500093G7zEw0RRR>0l{&D5&!@I6lrsCWdHyG00000KmY&$KmY&$6=`s7VE_OC000000RRC4fdT*k05NT3VRQfh03|2^tS2EgQs$ZWQ~%V"
    b"C%XjSiwcqID)bCp{Kx{Ih=@0~5Q7?c"
)
VOWEL_SOUNDS = ("A", "MP4", "MNG", "Olympus", "OpenEXR", "icon")
PNM_SIGNATURE = re.compile(rb"P[1-7][\s#]")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
HEIF_BRANDS = (*HEIC_BRANDS, b"mif1", b"mif2", b"msf1", b"avif", b"avis", b"miaf")
UNSUPPORTED_TEXT = re.compile(
    r"not (?:configured|implemented|supported|been built in)|[Uu]nsupported(?! marker)|no support|unknown compression"
    r"|bad labq|not a whole number of bytes"
)
MEMORY_TEXT = re.compile(r"out of memory|cannot allocate|memory allocation|insufficient memory", re.IGNORECASE)


logging.getLogger("pyvips").addHandler(logging.NullHandler())  # its warnings come as errors too, which zerokd reports


class MediaError(Exception):
    """Why a photo or video cannot be read or written, in a few words."""


def detect_format(path: Path) -> PhotoFormat:
    """The format of a photo, by its first bytes.

    Raises:
        MediaError: the file is missing, empty, not a regular file, not a photo, or of a format that this machine's
            libvips does not read.
        OSError: it cannot be opened.
    """
    if not path.is_file():  # opening a pipe would wait forever
        raise MediaError("broken link" if path.is_symlink() else "not a regular file")
    with path.open("rb") as file:
        head = file.read(32)
    if not head:
        raise MediaError("empty file")
    photo_format = _recognise(head)
    if photo_format in ("HEIF", "JXL") and not has_loader(photo_format):
        name = "JPEG XL" if photo_format == "JXL" else describe_heif(head)
        raise MediaError(f"unsupported: {name}, for which this libvips has no decoder")
    return photo_format


def _recognise(head: bytes) -> PhotoFormat:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for signature, photo_format in SIGNATURES.items():
        if head.startswith(signature):
            if photo_format == "TIFF" and head[8:10] == b"CR":
                raise unsupported_format("Canon raw file")
            return photo_format
    if head[4:8] == b"ftyp":
        if head[8:12] in HEIF_BRANDS:
            return "HEIF"
        raise unsupported_format("Canon raw file" if head[8:12] == b"crx " else "MP4 or QuickTime video")
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        raise unsupported_format("AVI video")
    if PNM_SIGNATURE.match(head):
        raise unsupported_format("PNM file")
    for signature, name in UNSUPPORTED_SIGNATURES.items():
        if head.startswith(signature):
            raise unsupported_format(f"{name} file")
    raise MediaError("not an image, or damaged at its start")


def unsupported_format(name: str) -> MediaError:
    """The error for a file of a kind that zerokd does not read."""
    article = "an" if name.startswith(VOWEL_SOUNDS) else "a"
    return MediaError(f"not an image that zerokd reads: {article} {name} (unsupported)")


def has_loader(photo_format: PhotoFormat) -> bool:
    """Whether this machine's libvips was built with a decoder of the format."""
    return bool(pyvips.type_find("VipsOperation", f"{photo_format.lower()}load_source"))


@cache
def decodes_hevc() -> bool:
    """Whether this machine's libvips decodes the usual HEIC, and not AVIF alone."""
    try:
        return has_loader("HEIF") and pyvips.Image.heifload_buffer(HEIC_SAMPLE).avg() > 0
    except pyvips.Error:
        return False


@cache
def readable_suffixes() -> tuple[str, ...]:
    """The endings of files that are photos on this machine."""
    further = (
        suffix
        for suffix, photo_format in LOADERS_BY_SUFFIX.items()
        if has_loader(photo_format) and (suffix not in HEVC_SUFFIXES or decodes_hevc())
    )
    return (*PHOTO_SUFFIXES, *further)


def describe_heif(head: bytes) -> str:
    """The kind of HEIF that the first bytes declare."""
    brands = {head[start : start + 4] for start in range(8, len(head), 4)}
    return "AVIF" if brands & {b"avif", b"avis"} else "HEIC" if brands & set(HEIC_BRANDS) else "HEIF"


def translate_vips_error(error: pyvips.Error, path: Path) -> Exception:
    """What an error of libvips means: no memory, a feature that it lacks, or damage."""
    line = vips_error_line(error)
    if MEMORY_TEXT.search(line):
        return MemoryError(line)
    if UNSUPPORTED_TEXT.search(str(error.detail or error)):
        with path.open("rb") as file:
            head = file.read(32)
        name = describe_heif(head) if head[4:8] == b"ftyp" else ""
        return MediaError(f"unsupported: {name or 'a kind of file'} that this libvips does not read ({line})")
    return MediaError(f"damaged or truncated ({line})")


def vips_error_line(error: pyvips.Error) -> str:
    """The first line of what libvips reports, without those on how it reads."""
    lines = [line for line in (error.detail or str(error)).strip().splitlines() if not line.startswith("source: ")]
    return lines[0][:160] if lines else "libvips failed"
