"""The commands `flask schedules ...`."""

from uuid import uuid4

from flask import Flask

from heidi_services.scheduler.service.runs import executor, manual_runs
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


def test_runs_are_listed_cancelled_and_repeated(app: Flask, schedule: MakeSchedule) -> None:
    nightly, hourly = schedule(name="nightly"), schedule(name="hourly")
    first, second = (manual_runs.run_now(each, requested_by=uuid4()).id for each in (nightly, hourly))
    code, listed = invoke(app, "runs", "list")
    assert code == 0 and [line.split()[0] for line in listed.splitlines()] == [str(second), str(first)]
    assert "nightly" in listed and "hourly" in listed
    assert str(second) not in invoke(app, "runs", "list", "--schedule", str(nightly))[1]
    assert invoke(app, "runs", "cancel", str(first)) == (0, f"{first}: cancelled\n")
    assert [line.split()[0] for line in invoke(app, "runs", "list", "--status", "CANCELLED")[1].splitlines()] == [
        str(first)
    ]
    code, printed = invoke(app, "runs", "cancel", str(first), str(uuid4()), str(second))
    assert code == 1 and "has ended (CANCELLED)" in printed and "Run not found." in printed
    assert f"{second}: cancelled" in printed and "2 of 3 runs were not changed" in printed
    assert invoke(app, "runs", "retry", str(second)) == (0, f"{second}: queued again, for the 1. time\n")
    code, printed = invoke(app, "runs", "retry", str(second))
    assert code == 1 and "The run is QUEUED" in printed


def test_selections_are_paused_and_resumed(app: Flask, schedule: MakeSchedule) -> None:
    billing, report = schedule(name="Invoices", tags=["billing", "daily"]), schedule(name="Réport", tags=["daily"])
    assert invoke(app, "pause", "--tag", "billing") == (0, "1 schedules are disabled now that were enabled.\n")
    assert invoke(app, "pause", "--search", "report") == (0, "1 schedules are disabled now that were enabled.\n")
    assert invoke(app, "pause", "--tag", "daily")[1].startswith("0 ")
    assert invoke(app, "resume", "--tag", "daily", "--id", str(report))[1].startswith("1 ")
    assert invoke(app, "resume", "--all") == (0, "1 schedules are enabled now that were disabled.\n")
    assert invoke(app, "show", str(billing))[1].count('"isEnabled": true') == 1
    for arguments in ([], ["--all", "--tag", "daily"]):
        code, printed = invoke(app, "pause", *arguments)
        assert code == 2 and "--tag" in printed
