"""Files: uploads, resumable ones too, with links, renditions of images and virus scans."""

from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings


def create_app() -> Flask:
    """Create an app that serves only the file service, configured by the environment."""
    return build_app(Settings.from_env(), SERVICES["files"])
