"""The settings of an app, and the objects that libraries create from them: one of each for an app.

A library declares an accessor with `per_app`. Callers import that accessor (`redis_client()`, `http_client()`, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals

from heidi_common.config.settings import Settings

T = TypeVar("T")
EXTENSION = "heidi"


@dataclass
class Runtime:
    """The settings of an app and the objects that were created for it.

    Attributes:
        settings: The settings.
        instances: The objects, each under the accessor that returns it.
        preparations: What web processes do before they serve requests.
    """

    settings: Settings
    instances: dict[Callable[[], Any], Any] = field(default_factory=dict)
    preparations: list[Callable[[], None]] = field(default_factory=list)


def init_runtime(app: Flask, settings: Settings) -> None:
    """Attach settings to an app. The objects of libraries are created at first use."""
    app.extensions[EXTENSION] = Runtime(settings)


def prepare_with(app: Flask, prepare: Callable[[], None]) -> None:
    """Let web processes call a function before they serve requests: it makes what the first request would wait for.

    Commands, workers and tests make an app without it.
    """
    app.extensions[EXTENSION].preparations.append(prepare)


def prepare_to_serve(app: Flask) -> None:
    """Do what `prepare_with` has registered."""
    # An app without a valid configuration has no runtime; gunicorn can also serve what is not a Flask app.
    runtime = getattr(app, "extensions", {}).get(EXTENSION)
    for prepare in runtime.preparations if runtime else ():
        prepare()


def current_runtime() -> Runtime:
    """The runtime of the current app."""
    return cast(Runtime, current_app.extensions[EXTENSION])


def current_settings() -> Settings:
    """The settings of the current app."""
    return current_runtime().settings


def current_request() -> Request:
    """The current request itself. Each access through `flask.request` looks it up again, in hooks several times."""
    return request._get_current_object()  # type: ignore[attr-defined,no-any-return]


def current_state() -> _AppCtxGlobals:
    """What `flask.g` stands for: the attributes of the current app context. The reason is that of `current_request`."""
    return g._get_current_object()  # type: ignore[no-any-return]


def per_app(create: Callable[[Settings], T]) -> Callable[[], T]:
    """Turn a factory into an accessor that returns the current app's instance.

    Args:
        create: Called once for each app, with its settings, when the instance is first used.

    Returns:
        A function without arguments. Outside of an app context it raises RuntimeError, as `flask.current_app` does.
    """

    @wraps(create)
    def current() -> T:
        runtime = current_runtime()
        try:
            return cast(T, runtime.instances[current])
        except KeyError:
            return cast(T, runtime.instances.setdefault(current, create(runtime.settings)))

    return current
