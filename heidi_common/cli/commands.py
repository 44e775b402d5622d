"""`flask <group> <command>`: the commands of every service, whichever services the app serves.

A group is imported when one of its commands is used: web processes load none, and a command only those of its service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from functools import partial
from typing import Any, NoReturn

import click
from flask import Flask

from heidi_common.cli.lazy_command import LazyCommand
from heidi_common.config.service_registry import COMMAND_GROUPS, SERVICES
from heidi_common.config.settings import ConfigError
from heidi_common.problems import Problem

MIGRATIONS = "db"
"""The group of `flask db`, as Flask-Migrate names it."""


def is_looked_up() -> bool:
    """Whether `flask` loads the app to find a command in it, and not to serve its routes or list them."""
    context = click.get_current_context(silent=True)
    return context is not None and context.parent is None


def init_commands(app: Flask, before_first: Callable[[], None] | None = None) -> None:
    """Give the app its commands: `flask db`, and those of all services.

    Args:
        app: The app.
        before_first: Prepares the app for a command, once one is used.
    """

    def adapt(command: click.Command) -> click.Command:
        if before_first is not None:
            before_first()
        return _report_expected_errors(command)

    _add_commands(app, adapt)


def _add_commands(app: Flask, adapt: Callable[[click.Command], click.Command]) -> None:
    for name, (service, about) in COMMAND_GROUPS.items():
        app.cli.add_command(LazyCommand(name, about, partial(_load_group, service, name), adapt))
    app.cli.add_command(LazyCommand(MIGRATIONS, "Perform database migrations.", partial(init_migrations, app), adapt))


def _load_group(service: str, name: str) -> click.Command:
    module = SERVICES[service].load("cli")
    assert module is not None
    group: click.Group = next(group for group in module.groups if group.name == name)
    return group


def init_migrations(app: Flask) -> click.Command:
    """Add `flask db`. Alembic is imported here, since it would cost each web process 10 MB and 0.2 s."""
    from flask_migrate import Migrate

    from heidi_common.database.session import db

    Migrate(app, db, compare_type=True)
    return app.cli.commands[MIGRATIONS]


def report_reencryption(what: str, changed: int, failed: Iterable[object]) -> None:
    """Print the result of a re-encryption.

    Args:
        what: What was re-encrypted, in the plural.
        changed: How many were re-encrypted.
        failed: The IDs of those that no key decrypts.

    Raises:
        ClickException: There are such IDs. The message names them.
    """
    click.echo(f"{changed} {what} re-encrypted")
    ids = [str(item) for item in failed]
    if ids:
        raise click.ClickException(f"{len(ids)} {what} cannot be decrypted with any key: {', '.join(ids)}")


def unconfigured(error: ConfigError) -> Flask:
    """Make an app for `flask --help` without settings: its commands show their help, but do not run.

    Raises:
        ConfigError: No `flask` command is running.
        ClickException: `flask run`, `shell` or `routes` is running, which would use an app without routes.
    """
    if click.get_current_context(silent=True) is None:
        raise error
    if not is_looked_up():
        raise click.ClickException(str(error)) from None
    click.echo(f"Heidi is not configured ({', '.join(error.problems)}): only help is available.\n", err=True)
    app = Flask("heidi", static_folder=None)
    _add_commands(app, _help_only)
    return app


def _report_expected_errors(command: click.Command) -> click.Command:
    """Replace the traceback of a Problem, or of an unavailable database, by one line."""
    reporting = copy(command)  # the command itself may belong to another app, too

    def invoke_or_explain(ctx: click.Context) -> Any:
        from sqlalchemy.exc import OperationalError

        try:
            return command.invoke(ctx)
        except Problem as problem:
            raise click.ClickException(str(problem)) from None
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            message = f"The database is unavailable ({reason}). Run `flask doctor` to check all dependencies."
            raise click.ClickException(message) from None

    reporting.invoke = invoke_or_explain  # type: ignore[method-assign]
    return reporting


def _help_only(command: click.Command) -> click.Command:
    """Let the command, and all commands in it, only show their help."""
    disabled = copy(command)
    if isinstance(command, click.Group) and isinstance(disabled, click.Group):
        context = click.Context(command)
        subcommands = {name: command.get_command(context, name) for name in command.list_commands(context)}
        disabled.commands = {name: _help_only(each) for name, each in subcommands.items() if each is not None}
    else:
        disabled.callback = partial(_reject, str(command.name))
    return disabled


def _reject(command: str, /, **_: object) -> NoReturn:
    advice = "Set the variables named above. For the platform of `make run`, use `flask -e .heidi/env ...`."
    raise click.ClickException(f"`{command}` needs a configured platform. {advice}")
