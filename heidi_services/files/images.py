"""Renditions of images: smaller WebP images without metadata."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageOps

from heidi_services.files.enums import RenditionSize

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_QUALITY = 82
_FAILURES = (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, TypeError, LookupError, MemoryError)
"""What Pillow's decoders raise for malformed images."""


class UnusableImage(Exception):
    """The image is malformed or has too many pixels. The text says which."""


@dataclass(frozen=True)
class Renditions:
    """The size of an image as it is shown, in pixels, and its renditions as WebP files."""

    width: int
    height: int
    images: dict[RenditionSize, bytes]


def render(file: BinaryIO, *, max_pixels: int) -> Renditions:
    """Create all renditions of an image. Small images are not enlarged; of animations, the first frame is used.

    Args:
        file: The image, which can be read and searched.
        max_pixels: Images with more pixels are not decoded: a small file can describe an image of gigabytes.

    Raises:
        UnusableImage: The image is malformed or too large.
    """
    with _failures(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # malformed metadata
        with Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise UnusableImage(f"The image has {image.width} x {image.height} pixels, more than {max_pixels}.")
            swaps_sides = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = (image.height, image.width) if swaps_sides else image.size
            largest = max(RenditionSize)
            image.draft("RGB", (largest, largest))  # JPEG decoders can skip pixels
            current = _without_metadata(ImageOps.exif_transpose(image), largest)
        return Renditions(width, height, {size: _encode(current, size) for size in sorted(RenditionSize, reverse=True)})


def _without_metadata(image: Image.Image, size: int) -> Image.Image:
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    converted = image.convert("RGBA" if has_alpha else "RGB")
    converted.thumbnail((size, size))
    converted.info.clear()
    return converted


def _encode(image: Image.Image, size: int) -> bytes:
    smaller = image.copy()
    smaller.thumbnail((size, size))
    buffer = io.BytesIO()
    smaller.save(buffer, "WEBP", quality=_QUALITY, method=4, exif=b"", xmp=b"", icc_profile=b"")
    return buffer.getvalue()


@contextmanager
def _failures() -> Iterator[None]:
    # The limit is checked by `render`, before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    except _FAILURES as error:
        raise UnusableImage(f"The image is malformed: {str(error)[:200]}") from error
