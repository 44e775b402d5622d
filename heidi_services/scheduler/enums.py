"""The words schedules and runs are described with."""

from enum import StrEnum


class Misfire(StrEnum):
    """What becomes of slots that came while nobody was there to fire them."""

    SKIP = "SKIP"
    LATEST = "LATEST"
    ALL = "ALL"


class Overlap(StrEnum):
    """What becomes of a slot that comes while the run before it is still going."""

    SKIP = "SKIP"
    QUEUE_ONE = "QUEUE_ONE"
    ALLOW = "ALLOW"


class Trigger(StrEnum):
    CRON = "CRON"
    MANUAL = "MANUAL"
    BACKFILL = "BACKFILL"


class Status(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"


OPEN = (Status.QUEUED, Status.RUNNING)
