"""What commands report: lines of the log, unless somebody reads them on a terminal."""

from __future__ import annotations

import json

import pytest

from heidi_common.startup.reports import relay_line, report


def test_without_a_terminal_a_report_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    report("backup", "Created x")
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["service"], line["logger"], line["message"]) == (
        "INFO",
        "backup",
        "heidi.backup",
        "Created x",
    )


def test_people_read_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "console")
    report("backup", "Created x")
    assert capsys.readouterr().out == "Created x\n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("15,000 added", "15,000 added"),
        ('{"message": "as it is"}', "as it is"),
        ("[1]", "[1]"),
        ("ü\x1b[0m", "ü\x1b[0m"),
    ],
)
def test_lines_of_other_commands_become_lines_of_the_log(
    capsys: pytest.CaptureFixture[str], written: str, message: str
) -> None:
    relay_line("migrate", written + "\n")
    relay_line("migrate", "\n")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"] == message
