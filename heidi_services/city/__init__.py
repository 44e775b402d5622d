"""Places, nearest cities, search."""

from flask import Flask

from heidi_common.app import Service, build_app
from heidi_common.config.settings import Settings

SERVICE = Service("city", "Places, nearest cities, search")


def create_app() -> Flask:
    """The city service alone, configured by the environment."""
    return build_app(Settings.from_env(), SERVICE)
