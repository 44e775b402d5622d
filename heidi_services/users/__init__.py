"""The users service: accounts and profiles, import and export, erasure."""

from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Build an application that serves users alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICES["users"])
