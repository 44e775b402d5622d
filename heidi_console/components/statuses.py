"""The tone of a status: which of five colors its badge has. The word beside it carries the meaning."""

from __future__ import annotations

GOOD, BUSY, WARN, BAD, CALM = "good", "busy", "warn", "bad", "calm"

TONES = {
    **dict.fromkeys(
        (
            "SENT",
            "DELIVERED",
            "READ",
            "SUCCEEDED",
            "CREATED",
            "CHANGED",
            "SUCCESS",
            "sent",
            "success",
            "delivered",
            "succeeded",
            "done",
            "up",
            "active",
            "UP",
            "READY",
        ),
        GOOD,
    ),
    **dict.fromkeys(("PENDING", "QUEUED", "RUNNING", "INFO", "START", "SCANNING"), BUSY),
    **dict.fromkeys(
        (
            "WARNING",
            "SKIPPED",
            "MISSED",
            "COMPENSATED",
            "temporary",
            "technical",
            "ambiguous",
            "degraded",
            "REFUSED",
            "ALERT",
            "LATE",
        ),
        WARN,
    ),
    **dict.fromkeys(("FAILED", "TIMED_OUT", "ERROR", "DOWN", "FAIL", "QUARANTINED"), BAD),
    **dict.fromkeys(("permanent", "failed", "failure", "down", "disabled"), BAD),
}


def tone(status: str | None) -> str:
    """The tone of a status of the API; `calm` for those that need no attention."""
    return TONES.get(status or "", CALM)
