"""The headers of the tus protocol for resumable uploads.

Source: tus 1.0.0, https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

from heidi_common.problems import BadRequest, PreconditionFailed, Problem, UnsupportedMediaType

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
BODY_TYPE = "application/offset+octet-stream"
ALGORITHMS: dict[str, Callable[[], Any]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),  # every server must support it
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
_INT64 = 2**63


class ChecksumMismatch(Problem):
    """The received bytes do not match `Upload-Checksum`. They are discarded."""

    status: ClassVar[int] = 460
    code = "checksum_mismatch"

    @property
    def title(self) -> str:
        return "Checksum Mismatch"


def require_version(version: str | None) -> None:
    """Reject a request of another version of the protocol."""
    if version != VERSION:
        raise PreconditionFailed(
            f"Send the header `Tus-Resumable: {VERSION}`.", code="tus_version", headers={"Tus-Version": VERSION}
        )


def require_body_type(content_type: str | None) -> None:
    """Reject a body with another type than that of the protocol."""
    if content_type != BODY_TYPE:
        raise UnsupportedMediaType(f"Send the bytes with `Content-Type: {BODY_TYPE}`.")


def natural_header(name: str, value: str | None) -> int:
    """Parse a header that is a whole number, 0 or more."""
    if value is None or not (value.isascii() and value.isdigit()) or int(value[:20]) >= _INT64 or len(value) > 19:
        raise BadRequest(f"`{name}` must be a whole number, 0 or more.")
    return int(value)


def parse_metadata(header: str | None) -> dict[str, str]:
    """Parse `Upload-Metadata`: pairs of a key and a value in base64, separated by commas. A value may be missing."""
    metadata = {}
    for pair in (header or "").split(","):
        key, _, encoded = pair.strip().partition(" ")
        if key:
            metadata[key] = _decode("Upload-Metadata", encoded).decode("utf-8", "replace")
    return metadata


class Checksum:
    """The digest that `Upload-Checksum` announces.

    Args:
        header: The header, such as `sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=`.
    """

    def __init__(self, header: str) -> None:
        algorithm, _, encoded = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise BadRequest(f"`Upload-Checksum` must use one of {', '.join(ALGORITHMS)}.")
        self._expected = _decode("Upload-Checksum", encoded)
        self._digest = ALGORITHMS[algorithm]()

    def update(self, chunk: bytes) -> None:
        """Add received bytes."""
        self._digest.update(chunk)

    def verify(self) -> None:
        """Raise ChecksumMismatch unless the received bytes have the expected digest."""
        if self._digest.digest() != self._expected:
            raise ChecksumMismatch("The bytes do not match `Upload-Checksum` and were discarded. Send them again.")


def _decode(header: str, encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise BadRequest(f"`{header}` must contain base64.") from None
