"""Signed webhooks in, signed webhooks out, provider calls."""

from flask import Flask

from heidi_common.app import Service, build_app
from heidi_common.config.settings import Settings

SERVICE = Service("integration", "Signed webhooks in, signed webhooks out, provider calls")


def create_app() -> Flask:
    """The integration service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICE)
