"""The group `flask events`, and the option that its lists share."""

import click
from flask.cli import AppGroup

events = AppGroup("events")

limit_option = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100))
