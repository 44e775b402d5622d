"""Core: status and overview of the platform, the event log, and operations that span several services."""

from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Build an app with the core service only, configured by the environment."""
    return build_app(Settings.from_env(), SERVICES["core"])
