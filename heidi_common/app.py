"""`build_app` makes the Flask app of a web process, `command_app` that of commands, `base_app` that of the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import JSONProvider
from flask.wrappers import Response

from heidi_common.config.service_registry import SERVICES, Service
from heidi_common.config.settings import Settings
from heidi_common.logger.setup import configure_logging
from heidi_common.runtime import init_runtime
from heidi_common.tracing import spans as tracing


class App(Flask):
    """Flask without support for coroutines: checking every view and hook in every request costs more than a hook."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class OrjsonProvider(JSONProvider):
    """JSON by orjson, which is several times faster than the standard library and never writes NaN."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj, option=orjson.OPT_NON_STR_KEYS).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = orjson.dumps(self._prepare_response_obj(args, kwargs), option=orjson.OPT_NON_STR_KEYS)
        return Response(body, mimetype="application/json")


def base_app(settings: Settings, name: str) -> Flask:
    """Make an app with settings, database and logging, but without HTTP.

    Args:
        settings: The settings of the platform.
        name: The service in the log: that of a service, or of a process such as `worker`.
    """
    app = _app_without_database(settings, name)
    _init_database(app, settings)
    return app


def command_app(settings: Settings, name: str) -> Flask:
    """Make the app of the `flask` commands. It has no routes, whose imports take longer than most commands.

    Args:
        settings: The settings of the platform.
        name: The service in the log.
    """
    from heidi_common.cli import commands

    app = _app_without_database(settings, name)
    commands.init_commands(app, before_first=partial(_init_database, app, settings))
    return app


def _app_without_database(settings: Settings, name: str) -> Flask:
    configure_logging(name, settings.log_level, settings.log_format)
    tracing.start(name, settings)
    app = App(name, static_folder=None)
    app.json = OrjsonProvider(app)
    init_runtime(app, settings)
    return app


def _init_database(app: Flask, settings: Settings) -> None:
    from heidi_common.database.session import init_db  # here: help texts need no SQLAlchemy, half of their time

    init_db(app, settings)


def build_app(settings: Settings, *services: Service) -> Flask:
    """Make the app that serves the routes, OpenAPI documents and commands of some services.

    Args:
        settings: The settings of the platform.
        services: One service, or several that share a process.
    """
    from heidi_common.audit import rejections
    from heidi_common.cli import commands
    from heidi_common.interceptors import (
        cors,
        error_handlers,
        logging,
        peer_batch,
        proxy,
        rate_limit,
        security_headers,
        timeout,
        traces,
    )
    from heidi_common.jwt import authentication, guards
    from heidi_common.jwt.tokens import init_jwt
    from heidi_common.metrics import exporter, health
    from heidi_common.openapi.index import index_blueprint

    app = base_app(settings, services[0].name if len(services) == 1 else "heidi")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # otherwise `//` redirects to the host that the Host header names
    app.wsgi_app = proxy.ClientAddress(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    traces.init_tracing(app)
    logging.init_request_logging(app)
    timeout.init_timeout(app, settings)
    security_headers.init_security_headers(app)
    cors.init_cors(app, settings)
    rejections.init_audit(app)
    exporter.init_metrics(app)
    rate_limit.init_rate_limit(app, settings)
    init_jwt(app, settings)
    app.before_request(authentication.enforce_guards)
    app.before_request(rate_limit.throttle_caller)
    error_handlers.init_errors(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(peer_batch.blueprint)
    app.register_blueprint(index_blueprint({name: service.about for name, service in SERVICES.items()}))
    for service in services:
        _mount(app, service)
    commands.init_commands(app)
    guards.require_guards(app)
    return app


def _mount(app: Flask, service: Service) -> None:
    """Register the blueprints of a service in its own OpenAPI document, and its Swagger UI."""
    from heidi_common.openapi import documents, swagger_ui

    api = documents.make_api(app, service.name, service.about)
    routes = service.load("routes")
    for blueprint in routes.blueprints if routes else ():
        api.register_blueprint(blueprint)
    app.register_blueprint(swagger_ui.docs_blueprint(service.name, api.spec))
