"""Notifications by e-mail, text message, push and in the app: templates, delivery, receipts and preferences."""

from flask import Flask

from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Create the app of the notification service, configured by the environment."""
    from heidi_common.app import build_app  # here: a process that reads the settings of providers needs no app

    return build_app(Settings.from_env(), SERVICES["notification"])
