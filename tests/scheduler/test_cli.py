"""The commands `flask schedules ...`."""

from uuid import uuid4

from flask import Flask

from heidi_services.scheduler.service import executor, manual_runs
from tests.scheduler.conftest import MakeSchedule, runs_of


def invoke(app: Flask, *args: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["schedules", *args])
    return result.exit_code, result.output


def test_schedules_are_listed_and_shown(app: Flask, schedule: MakeSchedule) -> None:
    schedule_id = schedule(name="nightly", cron_expression="30 2 * * *")
    executor.execute_run(manual_runs.run_now(schedule_id, requested_by=uuid4()).id)
    code, listed = invoke(app, "list")
    assert code == 0 and str(schedule_id) in listed and "nightly" in listed
    code, shown = invoke(app, "show", str(schedule_id))
    assert code == 0 and "at 02:30 every day, UTC" in shown and "SUCCEEDED" in shown


def test_a_schedule_is_run_disabled_and_enabled_by_command(app: Flask, schedule: MakeSchedule) -> None:
    schedule_id = schedule()
    code, printed = invoke(app, "run", str(schedule_id))
    assert code == 0 and '"status": "QUEUED"' in printed
    assert len(runs_of(schedule_id)) == 1
    assert "  off  " in invoke(app, "disable", str(schedule_id))[1]
    assert "  on   " in invoke(app, "enable", str(schedule_id))[1]


def test_preview_describes_an_expression(app: Flask) -> None:
    code, printed = invoke(app, "preview", "30 2 * * 1", "--timezone", "Europe/Berlin", "--count", "3")
    assert code == 0 and printed.startswith("at 02:30 on Mondays, Europe/Berlin\n")


def test_a_problem_is_reported_as_a_single_line(app: Flask) -> None:
    assert invoke(app, "show", str(uuid4())) == (1, "Error: Schedule not found.\n")
    code, printed = invoke(app, "preview", "60 * * * *")
    assert code == 1 and printed == "Error: /cronExpression: minute 60 is out of range 0-59\n"
