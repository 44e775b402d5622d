"""`flask <group> <command>` sees every service's commands, whichever services the app serves; loaded when asked for."""

from __future__ import annotations

from importlib import import_module, util

import click
from flask import Flask
from flask.cli import AppGroup

from heidi_common.db import db

PLATFORM = (
    ("heidi_common.standalone.cli", "up"),
    ("heidi_common.standalone.cli", "doctor"),
    ("heidi_common.standalone.cli", "seed"),
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


def init_commands(app: Flask) -> None:
    """Let the app have commands."""
    app.cli = Commands(app)


def init_migrations(app: Flask) -> None:
    """Add `flask db`. Alembic is loaded here and not before: it would cost each web process 10 MB and 0.2 s."""
    from flask_migrate import Migrate

    Migrate(app, db, compare_type=True)
