"""The `flask cities` group."""

from flask.cli import AppGroup

cities = AppGroup("cities")
