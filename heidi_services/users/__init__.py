"""Accounts."""

from flask import Flask

from heidi_common.app import Service, build_app
from heidi_common.config.settings import Settings

SERVICE = Service("users", "Accounts")


def create_app() -> Flask:
    """The users service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICE)
