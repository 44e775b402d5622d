"""flask schedules ..."""

from uuid import uuid4

from flask import Flask

from heidi_services.scheduler.service import executor, manual_runs
from tests.scheduler.conftest import MakeSchedule, runs_of


def invoke(app: Flask, *args: str) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(args=["schedules", *args])
    return done.exit_code, done.output


def test_schedules_are_listed_and_shown(app: Flask, schedule: MakeSchedule) -> None:
    found = schedule(name="nightly", cron_expression="30 2 * * *")
    executor.execute_run(manual_runs.run_now(found, requested_by=uuid4()).id)
    code, listed = invoke(app, "list")
    assert code == 0 and str(found) in listed and "nightly" in listed
    code, shown = invoke(app, "show", str(found))
    assert code == 0 and "at 02:30 every day, UTC" in shown and "SUCCEEDED" in shown


def test_a_schedule_is_run_and_switched_at_the_terminal(app: Flask, schedule: MakeSchedule) -> None:
    found = schedule()
    code, printed = invoke(app, "run", str(found))
    assert code == 0 and '"status": "QUEUED"' in printed
    assert len(runs_of(found)) == 1
    assert "  off  " in invoke(app, "disable", str(found))[1]
    assert "  on   " in invoke(app, "enable", str(found))[1]


def test_an_expression_is_explained_at_the_terminal(app: Flask) -> None:
    code, printed = invoke(app, "preview", "30 2 * * 1", "--timezone", "Europe/Berlin", "--count", "3")
    assert code == 0 and printed.startswith("at 02:30 on Mondays, Europe/Berlin\n")


def test_a_mistake_at_the_terminal_is_one_line(app: Flask) -> None:
    assert invoke(app, "show", str(uuid4())) == (1, "Error: Schedule not found.\n")
    code, printed = invoke(app, "preview", "60 * * * *")
    assert code == 1 and printed == "Error: /cronExpression: minute 60 is out of range 0-59\n"
