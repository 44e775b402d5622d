"""After an update of the time zone rules, each occurrence still runs once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.schemas.timezones import RULES_VERSION
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service import dispatch, next_runs, queries
from tests.scheduler.conftest import MakeSchedule, runs_of

HOUR = timedelta(hours=1)


def stored(schedule_id: UUID) -> Schedule:
    db.session.rollback()
    return db.session.get_one(Schedule, schedule_id, populate_existing=True)


def pretend_earlier_rules(schedule_id: UUID, next_run: datetime, **changes: object) -> None:
    """Store the next run as rules with another offset had computed it."""
    values = {"next_run": next_run, "rules_version": "2019c"} | changes
    with transaction():
        db.session.execute(update(Schedule).where(Schedule.id == schedule_id).values(**values))


@pytest.mark.parametrize("zone", ["America/Vancouver", "Asia/Almaty", "Africa/Casablanca", "Pacific/Apia"])
@pytest.mark.parametrize("shift", [-HOUR, HOUR, timedelta(minutes=30), -24 * HOUR], ids=["-1h", "+1h", "+30m", "-24h"])
@pytest.mark.parametrize("expression", ["45 3 * * *", "0 1,2,3,4 * * *", "@daily"])
def test_a_fixed_time_keeps_what_the_clocks_show(
    schedule: MakeSchedule, zone: str, shift: timedelta, expression: str
) -> None:
    schedule_id = schedule(cron_expression=expression, timezone=zone, is_enabled=True)
    expected = stored(schedule_id).next_run
    assert expected is not None
    pretend_earlier_rules(schedule_id, expected + shift)
    next_runs.apply_rules()
    row = stored(schedule_id)
    assert (row.next_run, row.rules_version) == (expected, RULES_VERSION)


def test_an_occurrence_that_has_run_does_not_run_again_later_on_the_same_day(schedule: MakeSchedule) -> None:
    """The clocks showed 02:30 an hour ago under the earlier rules, and will show it in an hour under the new ones."""
    wall = datetime.now(UTC) + HOUR
    schedule_id = schedule(cron_expression=f"{wall.minute} {wall.hour} * * *", is_enabled=True)
    tomorrow = wall.replace(second=0, microsecond=0) + 24 * HOUR
    pretend_earlier_rules(schedule_id, tomorrow - 2 * HOUR, next_wall_clock=tomorrow.replace(tzinfo=None))
    next_runs.apply_rules()
    assert stored(schedule_id).next_run == tomorrow


def test_an_occurrence_that_the_new_rules_move_into_the_past_runs_now(schedule: MakeSchedule) -> None:
    wall = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=20)
    schedule_id = schedule(cron_expression=f"{wall.minute} {wall.hour} * * *", is_enabled=True)
    pretend_earlier_rules(schedule_id, wall + HOUR, next_wall_clock=wall.replace(tzinfo=None))
    next_runs.apply_rules()
    dispatch.dispatch_due()
    assert [(run.scheduled_for, run.status) for run in runs_of(schedule_id)] == [(wall, "QUEUED")]


def test_a_schedule_that_follows_elapsed_time_continues_from_now(schedule: MakeSchedule) -> None:
    schedule_id = schedule(cron_expression="*/20 * * * *", timezone="Asia/Kolkata", is_enabled=True)
    expected = stored(schedule_id).next_run
    assert expected is not None
    pretend_earlier_rules(schedule_id, expected + timedelta(minutes=10))
    next_runs.apply_rules()
    assert stored(schedule_id).next_run == expected


@pytest.mark.parametrize("shift", [-HOUR, timedelta(minutes=45)], ids=["-1h", "+45m"])
def test_rows_of_an_earlier_version_take_the_nearest_occurrence(schedule: MakeSchedule, shift: timedelta) -> None:
    schedule_id = schedule(cron_expression="10 5 * * MON", timezone="America/Vancouver", is_enabled=True)
    expected = stored(schedule_id).next_run
    assert expected is not None
    pretend_earlier_rules(schedule_id, expected + shift, next_wall_clock=None, rules_version=None)
    next_runs.apply_rules()
    assert stored(schedule_id).next_run == expected


def test_current_disabled_and_broken_schedules_do_not_change(
    schedule: MakeSchedule, caplog: pytest.LogCaptureFixture
) -> None:
    current, disabled, broken = (
        schedule(),
        schedule(is_enabled=False),
        schedule(cron_expression="7 7 * * *", is_enabled=True),
    )
    pretend_earlier_rules(broken, queries.database_now() + HOUR, timezone="Mars/Olympus")
    versions = [stored(item).version for item in (current, disabled)]
    next_runs.apply_rules()
    assert [stored(item).version for item in (current, disabled)] == versions
    assert "cannot be computed" in caplog.text
    next_runs.apply_rules()  # it ends although the broken one cannot be computed
