"""Photoshop's image resources, in which JPEG and TIFF store IPTC."""

from __future__ import annotations

from collections.abc import Iterator

SIGNATURE = b"8BIM"
IPTC_RESOURCE = 0x0404
THUMBNAIL_RESOURCES = (0x0409, 0x040C)
IPTC_DIGEST_RESOURCE = 0x0425


def list_resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The number, content and complete bytes of each image resource; what is damaged ends the list."""
    position = 0
    while block[position : position + 4] == SIGNATURE and position + 12 <= len(block):
        name_size = block[position + 6] + 1
        size_at = position + 6 + name_size + name_size % 2
        size = int.from_bytes(block[size_at : size_at + 4])
        content = block[size_at + 4 : size_at + 4 + size]
        if len(content) < size:
            return
        end = size_at + 4 + size + size % 2
        yield (
            int.from_bytes(block[position + 4 : position + 6]),
            content,
            block[position:end].ljust(end - position, b"\0"),
        )
        position = end


def remove_thumbnails(block: bytes) -> bytes:
    """Image resources without those that show the photo before."""
    return b"".join(data for number, _, data in list_resources(block) if number not in THUMBNAIL_RESOURCES)


def find_iptc(block: bytes) -> bytes:
    """The IPTC records in image resources; empty without."""
    return next((content for number, content, _ in list_resources(block) if number == IPTC_RESOURCE), b"")


def add_iptc(block: bytes, iptc: bytes) -> bytes:
    """Image resources with these IPTC records, unless they hold some."""
    if not iptc or find_iptc(block):
        return block
    content = iptc + b"\0" * (len(iptc) % 2)
    return block + SIGNATURE + IPTC_RESOURCE.to_bytes(2) + b"\0\0" + len(iptc).to_bytes(4) + content
