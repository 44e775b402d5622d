"""What commands report that run without a person: text for a terminal, otherwise lines of the log."""

from __future__ import annotations

import json
import logging
import sys

import click

from heidi_common.logger.formatters import ContextFilter, json_formatter
from heidi_common.startup.process_log import logging_setting


def is_for_people() -> bool:
    """Whether a person reads the output: it goes to a terminal, or LOG_FORMAT is `console`."""
    return sys.stdout.isatty() or logging_setting("log_format") == "console"


def report(service: str, text: str, level: int = logging.INFO) -> None:
    """Report a step of a command on standard output.

    Args:
        service: The process in the line of the log, such as `backup`.
        text: One line.
        level: Its level in the log.
    """
    if is_for_people():
        click.echo(text, err=level >= logging.ERROR)
        return
    record = logging.LogRecord(f"heidi.{service}", level, "", 0, text, (), None)
    ContextFilter(service).filter(record)
    click.echo(json_formatter().format(record))


def relay_line(service: str, line: str) -> None:
    """Report a line of another command, unless it has the format of the log already."""
    text = line.rstrip()
    if text and not is_for_people() and not _is_log_line(text):
        report(service, text)
    elif text:
        click.echo(text)


def _is_log_line(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
