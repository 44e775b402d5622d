"""Render templates that administrators wrote, in a sandbox.

Jinja2's sandbox alone does not limit time and memory. Variables and output are therefore limited here, and the syntax
when a template is saved (see `template_validation`).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

MAX_OUTPUT = 512_000
MAX_ITEMS = 1_000

FILTERS = (
    "capitalize",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "join",
    "last",
    "length",
    "lower",
    "title",
    "trim",
    "upper",
    "urlencode",
)


class MissingVariable(Exception):
    """The template uses a variable that was not supplied."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The variable {name} is missing.")
        self.name = name


class RenderingError(Exception):
    """The template cannot be rendered with these variables."""


class _Undefined(StrictUndefined):
    """Raises MissingVariable with the variable's name, which Jinja2's exception only mentions in its message."""

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None) -> None:
        super().__init__(hint, obj, name, exc=lambda _: MissingVariable(name or "?"))  # type: ignore[arg-type]


def _environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(autoescape=autoescape, undefined=_Undefined, keep_trailing_newline=True)
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in FILTERS}
    return env


TEXT_ENVIRONMENT, _HTML_ENVIRONMENT = _environment(autoescape=False), _environment(autoescape=True)


def render(source: str, variables: Mapping[str, object], *, html: bool = False) -> str:
    """Render a template.

    Args:
        html: Whether the values of variables are escaped for HTML.

    Raises:
        MissingVariable: The template uses a variable that `variables` does not contain.
        RenderingError: A variable is unsuitable, or a limit is exceeded.
    """
    _check_items(variables)
    try:
        return _join_limited(_compile(source, html).generate(**variables))
    except (UndefinedError, SecurityError, TemplateError, TypeError, ValueError) as error:
        raise RenderingError(str(error)) from error


@lru_cache(maxsize=512)
def _compile(source: str, html: bool) -> Template:
    return (_HTML_ENVIRONMENT if html else TEXT_ENVIRONMENT).from_string(source)


def _join_limited(chunks: Iterable[str]) -> str:
    output, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_OUTPUT:
            raise RenderingError(f"The rendered text would be longer than {MAX_OUTPUT} characters.")
        output.append(chunk)
    return "".join(output)


def _check_items(value: object) -> None:
    if isinstance(value, Mapping):
        for item in value.values():
            _check_items(item)
    elif isinstance(value, (list, tuple)):
        if len(value) > MAX_ITEMS:
            raise RenderingError(f"A list must not contain more than {MAX_ITEMS} items.")
        for item in value:
            _check_items(item)
