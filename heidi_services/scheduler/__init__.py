"""Cron schedules and the history of their runs."""

from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Create an application with the scheduler service only, configured by the environment."""
    return build_app(Settings.from_env(), SERVICES["scheduler"])
