"""What belongs to one app: its settings, and one instance of each part that is created from them.

A library declares its accessor with `per_app`; callers import that accessor (`redis_client()`, `http_client()`, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, current_app

from heidi_common.config.settings import Settings

T = TypeVar("T")
EXTENSION = "heidi"


@dataclass
class Runtime:
    """The settings of one app, and the parts created so far, each under the accessor that returns it."""

    settings: Settings
    parts: dict[Callable[[], Any], Any] = field(default_factory=dict)


def init_runtime(app: Flask, settings: Settings) -> None:
    """Give the app its settings. The parts are created at first use: a process pays only for what it needs."""
    app.extensions[EXTENSION] = Runtime(settings)


def current_runtime() -> Runtime:
    """The runtime of the current app."""
    return cast(Runtime, current_app.extensions[EXTENSION])


def current_settings() -> Settings:
    """The settings of the current app."""
    return current_runtime().settings


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
            return cast(T, runtime.parts[current])
        except KeyError:
            return cast(T, runtime.parts.setdefault(current, create(runtime.settings)))

    return current
