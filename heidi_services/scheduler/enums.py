"""The values of a schedule's policies, and of a run's trigger and status."""

from enum import StrEnum


class ScheduleKind(StrEnum):
    """What the slots of a schedule are: those of a cron expression, a single one, or one in each interval."""

    CRON = "CRON"
    AT = "AT"
    EVERY = "EVERY"


class MisfirePolicy(StrEnum):
    """What happens to slots that became due while no clock process was running.

    SKIP: they are MISSED. LATEST: the newest one runs. ALL: the newest ones run, at most 100. No policy runs a slot
    that is later than `misfire_window_seconds`.
    """

    SKIP = "SKIP"
    LATEST = "LATEST"
    ALL = "ALL"


class OverlapPolicy(StrEnum):
    """What happens to a slot that becomes due before the schedule's previous run has ended.

    SKIP: it is SKIPPED. QUEUE_ONE: one run waits, further ones are SKIPPED. ALLOW: runs may overlap.
    """

    SKIP = "SKIP"
    QUEUE_ONE = "QUEUE_ONE"
    ALLOW = "ALLOW"


class ConcurrencyPolicy(StrEnum):
    """What happens to a new run when as many runs as `concurrency_limit` have not ended.

    SKIP: it is SKIPPED. QUEUE: it waits, with at most 100 others. REPLACE: the oldest run is cancelled.
    """

    SKIP = "SKIP"
    QUEUE = "QUEUE"
    REPLACE = "REPLACE"


class Trigger(StrEnum):
    """What created a run."""

    CRON = "CRON"
    MANUAL = "MANUAL"
    BACKFILL = "BACKFILL"


class RunStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"
    CANCELLED = "CANCELLED"


FAILED_STATUSES = (RunStatus.FAILED, RunStatus.TIMED_OUT)
OPEN_STATUSES = (RunStatus.QUEUED, RunStatus.RUNNING)
REPEATABLE = (RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED, RunStatus.SKIPPED)
"""The statuses of runs that can be queued again."""


class MonitorStatus(StrEnum):
    """NEW: no ping yet. UP: pinged in time. LATE: the grace time runs. DOWN: overdue or failed. PAUSED: not watched."""

    NEW = "NEW"
    UP = "UP"
    LATE = "LATE"
    DOWN = "DOWN"
    PAUSED = "PAUSED"


class PingKind(StrEnum):
    """What a ping says. SUCCESS and FAIL: the job has ended. START: it runs. LOG: nothing about its state."""

    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    START = "START"
    LOG = "LOG"


class ChangeReason(StrEnum):
    """Why the status of a monitor has changed."""

    PING = "PING"
    FAILURE = "FAILURE"
    OVERDUE = "OVERDUE"
    UNFINISHED = "UNFINISHED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    SETTINGS = "SETTINGS"
