"""A schedule in the demonstration: it sends an e-mail, first when started by hand, then when its next run is due."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from heidi_standalone.api_client import ApiClient, StepFailed
from heidi_standalone.demo.accounts import DemoUser
from heidi_standalone.demo.maildir import MailReader
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Terminal

RUN_TIMEOUT_SECONDS = 75
"""Cron has a resolution of one minute, so that the next run can be due in a minute."""


@dataclass(frozen=True)
class DemoSchedule:
    """The schedule of the demonstration, and the subject of its e-mails."""

    id: str
    subject: str


def create_and_run(terminal: Terminal, admin: ApiClient, user: DemoUser, mails: MailReader) -> DemoSchedule:
    """Create the schedule and run it once. It ends after three minutes, so that it does not send e-mails forever."""
    subject = f"Milking time {secrets.token_hex(3)}"
    body = {
        "name": f"Demonstration for {user.email}",
        "cronExpression": "* * * * *",
        "timezone": "Europe/Zurich",
        "action": "notification.send",
        "payload": {"userId": user.id, "channel": "EMAIL", "subject": subject, "content": "The goats are waiting."},
        "endAt": (datetime.now(UTC) + timedelta(minutes=3)).isoformat(),
    }
    with terminal.step("Create a schedule") as report:
        schedule = admin.post("/schedules", body)
        preview = admin.post("/schedules/preview", {"cronExpression": "30 2 * * MON", "timezone": "Europe/Zurich"})
        report(f"next run {schedule['nextRun']}; '30 2 * * MON' means: {preview['description']}")
    with terminal.step("Run it now") as report:
        run = admin.post(f"/schedules/{schedule['id']}/run?wait=10")
        if run["status"] != "SUCCEEDED":
            raise StepFailed(f"The run has the status {run['status']}: {run['error']}")
        wait_for(lambda: mails.find(user.email, subject), "The e-mail of the schedule")
        report(f"{run['trigger']} run {run['status']}, its e-mail has arrived")
    return DemoSchedule(schedule["id"], subject)


def wait_for_next_run(terminal: Terminal, admin: ApiClient, schedule: DemoSchedule) -> None:
    """Wait until the clock has run the schedule by itself."""

    def poll() -> dict[str, Any] | None:
        runs = admin.get(f"/schedules/{schedule.id}/runs", trigger="CRON", status="SUCCEEDED")
        return next(iter(runs), None)

    with terminal.step("Wait for its next run") as report:
        run = wait_for(poll, "The next run", RUN_TIMEOUT_SECONDS)
        delay = datetime.fromisoformat(run["startedAt"]) - datetime.fromisoformat(run["scheduledFor"])
        report(f"due at {run['scheduledFor']}, started {delay.total_seconds():.2f} s later")
