"""`flask <group> <command>` sees every service's commands, whichever services the app serves; loaded when asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module, util
from typing import NoReturn

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError

from heidi_common.config.settings import ConfigError
from heidi_common.database.session import db

PLATFORM = (
    ("heidi_standalone.cli", "up"),
    ("heidi_standalone.cli", "doctor"),
    ("heidi_standalone.cli", "seed"),
)


class Commands(AppGroup):
    """The app's command group; a web process never pays for the commands it does not run."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app.name)
        self._app = app
        self._loaded = False

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        self._load()
        return super().get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        init_migrations(self._app)
        for path, name in PLATFORM:
            if util.find_spec(path):
                self.add_command(getattr(import_module(path), name))
        for service in import_module("heidi_services").SERVICES:
            path = f"heidi_services.{service}.cli"
            for group in import_module(path).groups if util.find_spec(path) else ():
                self.add_command(group)
        for command in self.commands.values():
            _report_database_outage(command)


def _report_database_outage(command: click.Command) -> None:
    """One line instead of a stack, for every command of every service."""
    invoke = command.invoke

    def told(ctx: click.Context) -> object:
        try:
            return invoke(ctx)
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise click.ClickException(f"the database does not answer ({reason}); `flask doctor` tells more") from None

    command.invoke = told  # type: ignore[method-assign]


def init_commands(app: Flask) -> None:
    """Let the app have commands."""
    app.cli = Commands(app)


def init_migrations(app: Flask) -> None:
    """Add `flask db`. Alembic is loaded here and not before: it would cost each web process 10 MB and 0.2 s."""
    from flask_migrate import Migrate

    Migrate(app, db, compare_type=True)


def report_reencryption(what: str, changed: int, lost: Iterable[object]) -> None:
    """Say how many were sealed anew; ClickException names those whom no key opens."""
    click.echo(f"{changed} {what} sealed anew")
    names = [str(found) for found in lost]
    if names:
        raise click.ClickException(f"{len(names)} cannot be opened by any key: {', '.join(names)}")


def unconfigured(error: ConfigError) -> Flask:
    """For `flask --help` without an environment: an app whose commands can be asked about, and not run.

    Raises the error where no command asks, and ClickException (one clear message) where flask's own `run`, `shell` or
    `routes` ask: they would serve or show an app without routes.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        raise error
    if context.parent is not None:
        raise click.ClickException(str(error)) from None
    click.echo(f"Not configured, so only help is given: {', '.join(error.problems)}.\n", err=True)
    app = Flask("heidi", static_folder=None)
    app.cli = _OnlyHelp(app)
    return app


class _OnlyHelp(Commands):
    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        found = super().get_command(ctx, name)
        if found is not None:
            _close(found)
        return found


def _close(command: click.Command) -> None:
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _close(inner)
    if not isinstance(command, click.Group):
        command.callback = partial(_refuse, str(command.name))


def _refuse(command: str, /, **_: object) -> NoReturn:
    advice = "Set what is named above; for the platform of `make run`: flask -e .heidi/env ..."
    raise click.ClickException(f"{command} needs a configured platform. {advice}")
