"""`build_console` makes the Flask application of the console."""

from __future__ import annotations

from flask import Flask

from heidi_common.app import App, OrjsonProvider
from heidi_common.config.settings import Settings
from heidi_common.interceptors.logging import init_request_logging
from heidi_common.interceptors.proxy import ClientAddress
from heidi_common.logger.setup import configure_logging
from heidi_common.runtime import init_runtime
from heidi_console import access, browser_security, error_pages, health, rendering
from heidi_console.pages import AREAS
from heidi_console.pages.area import AREAS as AREAS_KEY
from heidi_console.session.cookie import RedisSessions

PREFIX = "/console"


def build_console(settings: Settings) -> Flask:
    """Make the console.

    Args:
        settings: The settings of the platform.
    """
    configure_logging("console", settings.log_level, settings.log_format)
    app = App("heidi_console", static_url_path=f"{PREFIX}/static")
    app.json = OrjsonProvider(app)
    app.secret_key = settings.secret_key  # signs CSRF tokens; the session itself stays on the server
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.session_interface = RedisSessions(settings)
    init_runtime(app, settings)
    app.wsgi_app = ClientAddress(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    init_request_logging(app)
    error_pages.init_error_pages(app)
    browser_security.init_browser_security(app)
    access.init_access(app)
    rendering.init_rendering(app, AREAS)
    app.register_blueprint(health.blueprint)
    app.extensions[AREAS_KEY] = AREAS
    for each in AREAS:
        app.register_blueprint(each.blueprint)
    return app
