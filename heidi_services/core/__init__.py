"""The overview and the operations that cross services."""

from flask import Flask

from heidi_common.app import Service, build_app
from heidi_common.config.settings import Settings

SERVICE = Service("core", "The overview and the operations that cross services")


def create_app() -> Flask:
    """The core service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICE)
