"""`flask <group> <command>` sees every service's commands, whichever services the app serves; loaded when asked for."""

from __future__ import annotations

from importlib import import_module, util

import click
from flask import Flask
from flask.cli import AppGroup
from flask_migrate import Migrate

from heidi_common.db import db

PLATFORM = (
    ("heidi_common.standalone.cli", "up"),
    ("heidi_common.doctor", "doctor"),
)


class Commands(AppGroup):
    """The app's command group; a web process never pays for the commands it does not run."""

    _loaded = False

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
        for path, name in PLATFORM:
            if util.find_spec(path):
                self.add_command(getattr(import_module(path), name))
        for service in import_module("heidi_services").SERVICES:
            path = f"heidi_services.{service}.cli"
            for group in import_module(path).groups if util.find_spec(path) else ():
                self.add_command(group)


def init_commands(app: Flask) -> None:
    """Register the commands; Flask-Migrate adds `flask db` to the group that it finds."""
    app.cli = Commands(app.name)
    Migrate(app, db, compare_type=True)
