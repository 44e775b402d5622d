"""`flask <group> <command>`: the commands of every service, whichever services the app serves.

They are imported when `flask` looks a command up, so that web processes do not load them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NoReturn

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError

from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import ConfigError
from heidi_common.database.session import db
from heidi_common.problems import Problem

MIGRATIONS = "db"
"""The group of `flask db`, as Flask-Migrate names it."""


class ServiceCommands(AppGroup):
    """The command group of an app: `flask db` and the commands of all services."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app.name)
        self._app = app
        self._loaded = False

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        self._load_services()
        if name == MIGRATIONS:
            self._load_migrations()
        return super().get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load_services()
        self._load_migrations()
        return super().list_commands(ctx)

    def _load_services(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for service in SERVICES.values():
            module = service.load("cli")
            for group in module.groups if module else ():
                _report_expected_errors(group)
                self.add_command(group)

    def _load_migrations(self) -> None:
        """Only for `flask db` and `flask --help`: Alembic takes a fifth of the time of a command."""
        if MIGRATIONS not in self.commands:
            init_migrations(self._app)
            _report_expected_errors(self.commands[MIGRATIONS])


def init_commands(app: Flask) -> None:
    """Give the app its commands."""
    app.cli = ServiceCommands(app)


def init_migrations(app: Flask) -> None:
    """Add `flask db`. Alembic is imported here, since it would cost each web process 10 MB and 0.2 s."""
    from flask_migrate import Migrate

    Migrate(app, db, compare_type=True)


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
    context = click.get_current_context(silent=True)
    if context is None:
        raise error
    if context.parent is not None:
        raise click.ClickException(str(error)) from None
    click.echo(f"Heidi is not configured ({', '.join(error.problems)}): only help is available.\n", err=True)
    app = Flask("heidi", static_folder=None)
    app.cli = _HelpOnlyCommands(app)
    return app


def _report_expected_errors(command: click.Command) -> None:
    """Replace the traceback of a Problem, or of an unavailable database, by one line."""
    invoke = command.invoke

    def invoke_or_explain(ctx: click.Context) -> object:
        try:
            return invoke(ctx)
        except Problem as problem:
            raise click.ClickException(str(problem)) from None
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            message = f"The database is unavailable ({reason}). Run `flask doctor` to check all dependencies."
            raise click.ClickException(message) from None

    command.invoke = invoke_or_explain  # type: ignore[method-assign]


class _HelpOnlyCommands(ServiceCommands):
    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command = super().get_command(ctx, name)
        if command is not None:
            _disable(command)
        return command


def _disable(command: click.Command) -> None:
    for subcommand in command.commands.values() if isinstance(command, click.Group) else ():
        _disable(subcommand)
    if not isinstance(command, click.Group):
        command.callback = partial(_reject, str(command.name))


def _reject(command: str, /, **_: object) -> NoReturn:
    advice = "Set the variables named above. For the platform of `make run`, use `flask -e .heidi/env ...`."
    raise click.ClickException(f"`{command}` needs a configured platform. {advice}")
