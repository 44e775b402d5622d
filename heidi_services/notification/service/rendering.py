"""Render templates that administrators wrote, in a sandbox.

Jinja2's sandbox alone does not limit time and memory. A template may therefore use only listed syntax and filters,
and its size, its variables and its output are limited.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from heidi_common.database.models import storable

MAX_SOURCE = 64_000
MAX_OUTPUT = 512_000
MAX_NODES = 500
MAX_ITEMS = 1_000
MAX_NUMBER = 10**1_000
"""Python refuses to print a number with thousands of digits, although it parses one in hexadecimal notation."""

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
_NODES: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.If, nodes.CondExpr, nodes.Filter, nodes.For,
)  # fmt: skip
_ITERABLE_NODES = (nodes.Name, nodes.Getattr, nodes.Getitem)


class InvalidTemplate(ValueError):
    """The source is not a valid template, or it uses something that templates may not use."""


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


_TEXT, _HTML = _environment(autoescape=False), _environment(autoescape=True)


def validate_template(source: str) -> None:
    """Check the source of a template.

    Raises:
        InvalidTemplate: With the reason, and the line if there is one.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidTemplate(f"A template must not be longer than {MAX_SOURCE} characters.")
    template_nodes = _parse(source)
    if len(template_nodes) > MAX_NODES:
        raise InvalidTemplate(f"A template must not contain more than {MAX_NODES} elements.")
    for node in template_nodes:
        _check_node(node)


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


def best_locale(requested: str | None, available: Collection[str], default: str) -> str | None:
    """Choose a locale: the requested one (`de-AT`), its language (`de`), the default, or else any available one."""
    tag = (requested or default).replace("_", "-")
    by_lower_case = {locale.lower(): locale for locale in sorted(available)}
    for candidate in (tag, tag.partition("-")[0], default):
        if candidate.lower() in by_lower_case:
            return by_lower_case[candidate.lower()]
    return next(iter(by_lower_case.values()), None)


@lru_cache(maxsize=512)
def _compile(source: str, html: bool) -> Template:
    return (_HTML if html else _TEXT).from_string(source)


def _join_limited(chunks: Iterable[str]) -> str:
    output, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_OUTPUT:
            raise RenderingError(f"The rendered text would be longer than {MAX_OUTPUT} characters.")
        output.append(chunk)
    return "".join(output)


def _parse(source: str) -> list[nodes.Node]:
    try:
        return list(_with_descendants(_TEXT.parse(source)))
    except TemplateSyntaxError as error:
        raise InvalidTemplate(f"Line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise InvalidTemplate("The template is nested too deeply.") from error
    except ValueError as error:  # Python refuses to parse a number with thousands of digits
        raise InvalidTemplate("The template contains a number that is too long.") from error


def _with_descendants(node: nodes.Node) -> Iterable[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _with_descendants(child)


def _check_node(node: nodes.Node) -> None:
    if type(node) not in _NODES:
        raise _invalid(node, f"{type(node).__name__.lower()} is not allowed in a template.")
    if isinstance(node, nodes.Filter):
        _check_filter(node)
    if isinstance(node, nodes.For):
        _check_loop(node)
    if isinstance(node, nodes.Const):
        _check_const(node)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise _invalid(node, f"the filter {node.name} is not allowed. Use one of: {', '.join(FILTERS)}.")


def _check_const(node: nodes.Const) -> None:
    if isinstance(node.value, str) and node.value != storable(node.value):
        raise _invalid(node, "NUL and lone surrogates are not allowed.")
    if isinstance(node.value, int) and node.value >= MAX_NUMBER:
        raise _invalid(node, "a number is too long.")


def _check_loop(node: nodes.For) -> None:
    if node.recursive or not isinstance(node.iter, _ITERABLE_NODES):
        raise _invalid(node, "a loop must iterate over a variable.")
    if any(isinstance(inner, nodes.For) for child in node.iter_child_nodes() for inner in _with_descendants(child)):
        raise _invalid(node, "a loop inside a loop is not allowed.")


def _invalid(node: nodes.Node, reason: str) -> InvalidTemplate:
    return InvalidTemplate(f"Line {node.lineno}: {reason}")


def _check_items(value: object) -> None:
    if isinstance(value, Mapping):
        for item in value.values():
            _check_items(item)
    elif isinstance(value, (list, tuple)):
        if len(value) > MAX_ITEMS:
            raise RenderingError(f"A list must not contain more than {MAX_ITEMS} items.")
        for item in value:
            _check_items(item)
