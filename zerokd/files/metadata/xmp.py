"""XMP: kept as it is, except for what describes data that the result does not hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from zerokd.files.metadata.exif import FIRST_TURNED_ORIENTATION

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
STALE_NAMESPACES = {  # of descriptions of images and videos beside the photo
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/container/item/",
    "http://ns.google.com/photos/dd/1.0/device/",
    "http://ns.google.com/photos/dd/1.0/container/",
    "http://ns.google.com/photos/dd/1.0/item/",
}
CAMERA = "http://ns.google.com/photos/1.0/camera/"
STALE_CAMERA_PROPERTIES = ("MotionPhoto", "MicroVideo", "HdrPlusMakernote", "shot_log_data")  # the starts of names
TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
STALE_PROPERTIES = {
    ("http://ns.adobe.com/xap/1.0/", "Thumbnails"),  # of the photo before
}
EXTENSION_PROPERTY = ("http://ns.adobe.com/xmp/note/", "HasExtendedXMP")
SWAPPED_PROPERTIES = ((TIFF, "ImageWidth", "ImageLength"), (EXIF, "PixelXDimension", "PixelYDimension"))
MARKERS = re.compile(rb"hdr-gain-map|HDRGainMap|pixeldatainfo|photos/1\.0/(?:container|camera)|photos/dd/|Thumbnails")
MAX_XMP_BYTES = 64 << 20


class XmpError(ValueError):
    """The bytes are no XMP that zerokd reads."""


def make_current(xmp: bytes, orientation: int = 1) -> bytes:
    """XMP without what describes a gain map, a motion photo or a preview, for a photo that is written upright.

    Args:
        orientation: of the EXIF, which the pixels follow now.

    Raises:
        XmpError: the bytes are not well-formed, or declare a document type.
    """
    if orientation == 1 and not MARKERS.search(xmp):
        return xmp
    document = _parse(xmp)
    for element in list(_descend(document)):
        _remove(element, _is_stale)
    if orientation > 1:
        _turn(document, orientation)
    return _encode(document)


def merge_extension(xmp: bytes, extension: bytes) -> bytes:
    """XMP as one packet, with the part that a JPEG holds in segments of its own.

    Raises:
        XmpError: either part is not well-formed, or declares a document type.
    """
    if not extension:
        return xmp
    document, further = _parse(xmp), _parse(extension)
    roots, further_roots = (packet.getElementsByTagNameNS(RDF, "RDF") for packet in (document, further))
    if not roots or not further_roots:
        raise XmpError("XMP without RDF")
    for description in further_roots[0].childNodes:
        roots[0].appendChild(document.importNode(description, True))
    for element in list(_descend(document)):
        _remove(element, lambda namespace, name: (namespace, name) == EXTENSION_PROPERTY)
    return _encode(document)


def _encode(document: minidom.Document) -> bytes:
    return b"".join(node.toxml().encode("utf-8") for node in document.childNodes)


def _parse(xmp: bytes) -> minidom.Document:
    if b"<!DOCTYPE" in xmp or len(xmp) > MAX_XMP_BYTES:
        raise XmpError("a document type in XMP")
    try:
        return minidom.parseString(xmp.strip(b"\0 \r\n\t"))
    except (ExpatError, ValueError, LookupError, RecursionError) as error:
        raise XmpError("XMP that is not well-formed") from error


def _descend(node: minidom.Node) -> Iterator[minidom.Element]:
    for child in list(node.childNodes):
        if isinstance(child, minidom.Element):
            yield child
            yield from _descend(child)


def _is_stale(namespace: str | None, name: str) -> bool:
    if namespace == CAMERA:
        return name.startswith(STALE_CAMERA_PROPERTIES)
    return namespace in STALE_NAMESPACES or (namespace, name) in STALE_PROPERTIES


def _remove(element: minidom.Element, is_removed: Callable[[str | None, str], bool]) -> None:
    for attribute in list(element.attributes.values()):
        is_stale_declaration = attribute.name.startswith("xmlns:") and attribute.value in STALE_NAMESPACES
        if is_removed(attribute.namespaceURI, attribute.localName) or is_stale_declaration:
            element.removeAttributeNode(attribute)
    if is_removed(element.namespaceURI, element.localName) and element.parentNode is not None:
        element.parentNode.removeChild(element)


def _turn(document: minidom.Document, orientation: int) -> None:
    """Declare the pixels as upright, and width and height as they are now."""
    for element in _descend(document):
        attribute = element.getAttributeNodeNS(TIFF, "Orientation")
        if attribute is not None:
            attribute.value = "1"
        if (element.namespaceURI, element.localName) == (TIFF, "Orientation") and element.firstChild is not None:
            element.firstChild.nodeValue = "1"
        for namespace, width, height in SWAPPED_PROPERTIES if orientation >= FIRST_TURNED_ORIENTATION else ():
            across, down = (element.getAttributeNodeNS(namespace, name) for name in (width, height))
            if across is not None and down is not None:
                across.value, down.value = down.value, across.value
