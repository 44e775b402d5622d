"""Status values, as they are stored and sent."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Visibility(StrEnum):
    """Who may download a file: its owner and administrators, holders of a link too, or everyone."""

    PRIVATE = "PRIVATE"
    LINK = "LINK"
    PUBLIC = "PUBLIC"


class FileStatus(StrEnum):
    """Whether a file can be downloaded: not until it was scanned, and never if a virus was detected."""

    SCANNING = "SCANNING"
    READY = "READY"
    QUARANTINED = "QUARANTINED"


class ObjectStatus(StrEnum):
    """The state of an object in storage.

    WRITING becomes STORED (the content of files), PART (of a resumable upload) or RENDITION (of an image) when it is
    complete. REMOVING objects are deleted, first from storage, then as a row.
    """

    WRITING = "WRITING"
    PART = "PART"
    STORED = "STORED"
    RENDITION = "RENDITION"
    REMOVING = "REMOVING"


class ScanStatus(StrEnum):
    NOT_SCANNED = "NOT_SCANNED"
    PENDING = "PENDING"
    CLEAN = "CLEAN"
    INFECTED = "INFECTED"


class JobStatus(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"


class RenditionSize(IntEnum):
    """The longest side of a rendition, in pixels."""

    SMALL = 128
    MEDIUM = 512
    LARGE = 1024
