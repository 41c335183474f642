"""What a photo's file holds beside its pixels: EXIF, XMP, IPTC, text, resolution, colour tags, and further images.

The bytes of the file decide, not what an image library reports. Imports errors and the standard library.
"""
