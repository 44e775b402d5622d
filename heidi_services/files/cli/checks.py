"""What `flask doctor` checks for this service: storage and the virus scanner."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from heidi_common.cli.doctor_checks import Check, CheckFailed
from heidi_common.config.settings import Settings
from heidi_services.files import antivirus
from heidi_services.files.storage.selection import make_storage

_CONTENT = b"written by flask doctor"


def checks(settings: Settings) -> Iterator[Check]:
    """A check of storage, and one of clamd if it is configured. Without clamd, files wait until it is available."""
    remedy = "Check FILES_URL or FILES_PATH, its permissions, and the keys of S3."
    yield Check("file storage", check_storage, remedy)
    if settings.clamav_url:
        yield Check(
            "ClamAV", check_clamd, "Check CLAMAV_URL. New files cannot be downloaded until then.", required=False
        )


def check_storage(settings: Settings) -> str:
    """Write an object, read it and delete it."""
    storage, key = make_storage(settings), uuid4().hex
    try:
        storage.write(key, [_CONTENT])
        if b"".join(storage.read(key)) != _CONTENT:
            raise CheckFailed("an object has another content than was written")
    finally:
        storage.delete(key)
    return "an object was written, read and deleted"


def check_clamd(settings: Settings) -> str:
    """Ask clamd for its version, and let it scan a small content."""
    if antivirus.scan(settings.clamav_url, [_CONTENT]) is not None:
        raise CheckFailed("clamd detects a virus in a harmless text")
    return antivirus.version(settings.clamav_url)
