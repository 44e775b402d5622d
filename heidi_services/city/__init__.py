"""The city service: cities, nearest cities within a radius, search by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """Build an application that serves city alone, configured by the environment."""
    # Imported here, because `flask prepare` uses this package and would need seconds for what an app imports.
    from heidi_common.app import build_app
    from heidi_common.config.service_registry import SERVICES
    from heidi_common.config.settings import Settings

    return build_app(Settings.from_env(), SERVICES["city"])
