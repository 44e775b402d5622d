"""Templates as people may write them: a sandbox, and a white list of what the sandbox alone lets run for minutes."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from heidi_common.database.models import storable_text

MAX_SOURCE = 64_000
MAX_OUTPUT = 512_000
MAX_NODES = 500
MAX_ITEMS = 1_000
MAX_NUMBER = 10**1_000
"""Python writes no number of thousands of digits, though it reads one in hexadecimal."""

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
_LOOPED_OVER = (nodes.Name, nodes.Getattr, nodes.Getitem)


class TemplateRefused(ValueError):
    """The source does what a template may not."""


class MissingVariable(Exception):
    """The template names a variable that was not given."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The variable {name} is missing")
        self.name = name


class RenderingFailed(Exception):
    """The template and these variables do not go together."""


class _Undefined(StrictUndefined):
    """Complains with the variable's name, which jinja2 gives only inside a sentence."""

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None) -> None:
        super().__init__(hint, obj, name, exc=lambda _: MissingVariable(name or "?"))  # type: ignore[arg-type]


def _environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(autoescape=autoescape, undefined=_Undefined, keep_trailing_newline=True)
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in FILTERS}
    return env


_TEXT, _HTML = _environment(autoescape=False), _environment(autoescape=True)


def check(source: str) -> None:
    """Raises TemplateRefused, saying what and on which line."""
    if len(source) > MAX_SOURCE:
        raise TemplateRefused(f"The template is longer than {MAX_SOURCE} characters")
    try:
        tree = _TEXT.parse(source)
        found = list(_descendants(tree))
    except TemplateSyntaxError as error:
        raise TemplateRefused(f"Line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise TemplateRefused("The template is nested too deeply") from error
    except ValueError as error:  # Python reads no number of thousands of digits
        raise TemplateRefused("A number in the template is too long") from error
    if len(found) > MAX_NODES:
        raise TemplateRefused(f"The template has more than {MAX_NODES} parts")
    for node in found:
        _check_node(node)


def render(source: str, variables: Mapping[str, object], *, html: bool = False) -> str:
    """The text with its variables; raises MissingVariable or RenderingFailed."""
    _check_items(variables)
    try:
        return _bounded(_compiled(source, html).generate(**variables))
    except (UndefinedError, SecurityError, TemplateError, TypeError, ValueError) as error:
        raise RenderingFailed(str(error)) from error


def best_locale(wanted: str | None, available: Collection[str], default: str) -> str | None:
    """`de-AT`, then `de`, then the default, then whatever there is."""
    tag = (wanted or default).replace("_", "-")
    known = {locale.lower(): locale for locale in sorted(available)}
    for candidate in (tag, tag.partition("-")[0], default):
        if candidate.lower() in known:
            return known[candidate.lower()]
    return next(iter(known.values()), None)


@lru_cache(maxsize=512)
def _compiled(source: str, html: bool) -> Template:
    return (_HTML if html else _TEXT).from_string(source)


def _bounded(pieces: Iterable[str]) -> str:
    out, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_OUTPUT:
            raise RenderingFailed(f"The text would be longer than {MAX_OUTPUT} characters")
        out.append(piece)
    return "".join(out)


def _descendants(tree: nodes.Node) -> Iterable[nodes.Node]:
    yield tree
    for child in tree.iter_child_nodes():
        yield from _descendants(child)


def _check_node(node: nodes.Node) -> None:
    if type(node) not in _NODES:
        raise TemplateRefused(f"Line {node.lineno}: {type(node).__name__.lower()} is not allowed in a template")
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.kwargs or node.dyn_args or node.dyn_kwargs):
        raise TemplateRefused(
            f"Line {node.lineno}: the filter {node.name} is not allowed; there are {', '.join(FILTERS)}"
        )
    if isinstance(node, nodes.For):
        _check_loop(node)
    if isinstance(node, nodes.Const):
        _check_const(node)


def _check_const(node: nodes.Const) -> None:
    if isinstance(node.value, str) and node.value != storable_text(node.value):
        raise TemplateRefused(f"Line {node.lineno}: NUL and lone surrogates are not allowed")
    if isinstance(node.value, int) and node.value >= MAX_NUMBER:
        raise TemplateRefused(f"Line {node.lineno}: a number is too long")


def _check_loop(node: nodes.For) -> None:
    if node.recursive or not isinstance(node.iter, _LOOPED_OVER):
        raise TemplateRefused(f"Line {node.lineno}: a loop goes over a variable")
    if any(isinstance(inner, nodes.For) for child in node.iter_child_nodes() for inner in _descendants(child)):
        raise TemplateRefused(f"Line {node.lineno}: a loop inside a loop is not allowed")


def _check_items(value: object) -> None:
    if isinstance(value, Mapping):
        for item in value.values():
            _check_items(item)
    elif isinstance(value, (list, tuple)):
        if len(value) > MAX_ITEMS:
            raise RenderingFailed(f"A list has more than {MAX_ITEMS} items")
        for item in value:
            _check_items(item)
