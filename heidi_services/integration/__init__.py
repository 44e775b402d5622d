"""Integrations with other systems: receive signed webhooks, forward events as signed webhooks, call providers' APIs."""

from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Create an app that serves only the integration service, configured by the environment."""
    return build_app(Settings.from_env(), SERVICES["integration"])
