"""Lists of commands that are cut say so."""

from __future__ import annotations

from itertools import count

import pytest
from flask import Flask

from heidi_common.cli.lists import first
from heidi_services.auth.service import clients


def test_a_list_that_is_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(first(count(), 3)) == [0, 1, 2]
    assert "Only the first 3" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [[], [1], [1, 2, 3]])
def test_a_complete_list_says_nothing(rows: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert list(first(rows, 3)) == rows
    assert capsys.readouterr().err == ""


def test_all_machine_clients_are_listed(app: Flask) -> None:
    for number in range(102):
        clients.create_client(f"client {number:03}", [], actor=None)
    output = app.test_cli_runner().invoke(args=["clients", "list"]).output
    assert len(output.splitlines()) == 102


def test_a_command_reports_that_there_are_more_rows(app: Flask) -> None:
    for number in range(3):
        clients.create_client(f"client {number}", [], actor=None)
    runner = app.test_cli_runner()
    assert "Only the first 2 are shown" in runner.invoke(args=["audit", "list", "--limit", "2"]).stderr
    assert runner.invoke(args=["audit", "list", "--limit", "3"]).stderr == ""
