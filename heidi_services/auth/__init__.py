"""Sign-in, sessions and tokens."""

from flask import Flask

from heidi_common.app import Service, build_app
from heidi_common.config.settings import Settings

SERVICE = Service("auth", "Sign-in, sessions and tokens")


def create_app() -> Flask:
    """The auth service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICE)
