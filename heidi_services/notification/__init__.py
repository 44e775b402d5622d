"""E-mail, SMS, push and in-app messages, delivered and tracked."""

from flask import Flask

from heidi_common.app import Service, build_app
from heidi_common.config.settings import Settings

SERVICE = Service("notification", "E-mail, SMS, push and in-app messages, delivered and tracked")


def create_app() -> Flask:
    """The notification service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICE)
