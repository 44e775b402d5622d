"""Authentication: sign-in, sessions, tokens, second factors and machine clients."""

from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Create the app of the auth service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICES["auth"])
