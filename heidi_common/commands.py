"""The platform's own commands, next to those of the services: flask up, doctor, seed."""

from __future__ import annotations

from importlib import import_module, util

from flask import Flask
from flask_migrate import Migrate

from heidi_common.db import db

COMMANDS = (
    ("heidi_common.standalone.cli", "up"),
    ("heidi_common.doctor", "doctor"),
)


def init_commands(app: Flask) -> None:
    """Register the commands; `flask db` comes from Flask-Migrate."""
    Migrate(app, db, compare_type=True)
    for path, name in COMMANDS:
        if util.find_spec(path):
            app.cli.add_command(getattr(import_module(path), name))
