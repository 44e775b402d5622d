"""A schedule that sends: at once when somebody asks, then by itself at its next slot."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from heidi_standalone.api_client import Api, Failed
from heidi_standalone.demo.accounts import Person
from heidi_standalone.demo.maildir import Maildir
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Screen

SLOT_SECONDS = 75
"""Cron has no seconds: the next slot may be a minute away."""


@dataclass(frozen=True)
class Schedule:
    id: str
    subject: str


def make_and_run(screen: Screen, admin: Api, person: Person, mails: Maildir) -> Schedule:
    """It ends by itself after a few minutes, so that nobody gets mail for ever."""
    subject = f"Milking time {secrets.token_hex(3)}"
    body = {
        "name": f"Demonstration for {person.email}",
        "cronExpression": "* * * * *",
        "timezone": "Europe/Zurich",
        "action": "notification.send",
        "payload": {"userId": person.id, "channel": "EMAIL", "subject": subject, "content": "The goats are waiting."},
        "endAt": (datetime.now(UTC) + timedelta(minutes=3)).isoformat(),
    }
    with screen.step("Make a schedule") as tell:
        made = admin.post("/schedules", body)
        words = admin.post("/schedules/preview", {"cronExpression": "30 2 * * MON", "timezone": "Europe/Zurich"})
        tell(f"next run {made['nextRun']}; '30 2 * * MON' means: {words['description']}")
    with screen.step("Run it now") as tell:
        run = admin.post(f"/schedules/{made['id']}/run?wait=10")
        if run["status"] != "SUCCEEDED":
            raise Failed(f"the run is {run['status']}: {run['error']}")
        wait_for(lambda: mails.find(person.email, subject), "The schedule's mail")
        tell(f"{run['trigger']} run {run['status']}, its mail is there")
    return Schedule(made["id"], subject)


def see_it_fire(screen: Screen, admin: Api, schedule: Schedule) -> None:
    """The clock does this one: nobody asks."""

    def fired() -> dict[str, Any] | None:
        runs = admin.get(f"/schedules/{schedule.id}/runs", trigger="CRON", status="SUCCEEDED")
        return next(iter(runs), None)

    with screen.step("See it fire at its next slot") as tell:
        run = wait_for(fired, "The run of the next slot", SLOT_SECONDS)
        late = datetime.fromisoformat(run["startedAt"]) - datetime.fromisoformat(run["scheduledFor"])
        tell(f"slot {run['scheduledFor']}, started {late.total_seconds():.2f} s after it")
