"""Render templates that administrators wrote, in a sandbox.

Jinja2's sandbox alone does not limit time and memory. Variables and output are therefore limited here, and the syntax
when a template is saved (see `template_validation`).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Template, pass_context
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from heidi_services.notification.templating.filters import DEFAULT_LOCALE, FORMATS, LOCALE_KEY
from heidi_services.notification.templating.values import (
    MAX_ITEMS,
    Absent,
    MissingVariable,
    RenderingError,
    member,
    template_value,
)

__all__ = ["FILTERS", "LOOP_MEMBERS", "MAX_ITEMS", "TESTS", "MissingVariable", "RenderingError", "render"]

MAX_OUTPUT = 512_000

_TEXT_FILTERS = (
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
FILTERS = (*_TEXT_FILTERS, *FORMATS)
TESTS = ("defined", "even", "odd", "undefined")
LOOP_MEMBERS = ("first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0")


class _Environment(ImmutableSandboxedEnvironment):
    """Looks up names in the data only; the sandbox alone would also find the methods of Python's types."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_MEMBERS:
            return getattr(obj, attribute)
        return member(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, argument) if isinstance(argument, str) else member(obj, argument)


@pass_context
def _printed(_context: Context, value: Any) -> Any:
    """What the result of an expression is printed as: a comparison as JSON writes it, and `none` as nothing.

    With a context, Jinja2 calls it before it escapes constants for HTML, not afterwards.
    """
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else value


def _environment(*, autoescape: bool) -> _Environment:
    env = _Environment(autoescape=autoescape, undefined=Absent, keep_trailing_newline=True, finalize=_printed)
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in _TEXT_FILTERS} | FORMATS
    env.tests = {name: env.tests[name] for name in TESTS}
    return env


TEXT_ENVIRONMENT, _HTML_ENVIRONMENT = _environment(autoescape=False), _environment(autoescape=True)


def render(source: str, variables: Mapping[str, object], *, html: bool = False, locale: str = DEFAULT_LOCALE) -> str:
    """Render a template.

    Args:
        html: Whether the values of variables are escaped for HTML.
        locale: The recipient's language and region, by which the filters write dates, numbers and money.

    Raises:
        MissingVariable: The template uses a variable that `variables` does not contain, or that is null.
        RenderingError: A variable is unsuitable, or a limit is exceeded.
    """
    values = dict(template_value(variables)) | {LOCALE_KEY: locale}
    try:
        return _join_limited(_compile(source, html).generate(values))
    except (UndefinedError, SecurityError, TemplateError, TypeError, ValueError, ArithmeticError) as error:
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
