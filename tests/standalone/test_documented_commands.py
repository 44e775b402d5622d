"""The commands of the documents for people on call exist, with the options that are written there."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from flask import Flask

from heidi_backup.cli import backup
from heidi_common.cli.lazy_command import LazyCommand
from heidi_standalone import cli
from tests.conftest import ROOT

PAGES = ("operations", "runbook", "incidents", "key-rotation", "disaster-recovery", "logs", "releases")
COMMAND = re.compile(r"(?:^|[\s`(])(?:\.venv/bin/)?flask(?: -e \.heidi/env)?(?: --app wsgi)? ([a-z][^`|>#)\n]*)")


def commands(page: str) -> list[str]:
    """The `flask` commands of a page, in its lines of code and in its text."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    code = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    found = [
        *COMMAND.findall(code),
        *(item for span in re.findall(r"`([^`\n]+)`", text) for item in COMMAND.findall(span)),
    ]
    return sorted({command.strip() for command in found if "..." not in command})


def resolve(group: click.Group, words: list[str]) -> tuple[click.Command, list[str]]:
    """Find the command that the first words name; returns the rest as well."""
    context = click.Context(group, info_name="flask")
    while isinstance(group, click.Group) and words:
        command = group.get_command(context, words[0])
        if command is None:
            break
        loaded = command._command if isinstance(command, LazyCommand) else command
        words, group = words[1:], loaded  # type: ignore[assignment]
    return group, words


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_exist_with_their_options(app: Flask, page: str) -> None:
    groups: list[click.Group] = [app.cli, click.Group("flask", [cli.up, cli.prepare, cli.doctor, cli.seed, backup])]
    for command in commands(page):
        with app.app_context():
            candidates = [resolve(group, shlex.split(command)) for group in groups]
        known, rest = min(candidates, key=lambda each: len(each[1]))
        assert known not in groups, f"{page}: there is no `flask {command}`"
        options = {name for parameter in known.params for name in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert used <= options | {"--help"}, f"{page}: `flask {command}` has no {used - options}"


def test_the_pages_have_commands() -> None:
    assert {page for page in PAGES if not commands(page)} == {"releases"}
    assert "audit verify" in commands("incidents") and "backup create" in commands("operations")
