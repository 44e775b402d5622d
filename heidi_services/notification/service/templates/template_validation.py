"""Validate the source of a template when it is saved: only listed syntax and filters, and a limited size."""

from collections.abc import Iterable

from jinja2 import TemplateSyntaxError, nodes

from heidi_common.database.models import storable_text
from heidi_services.notification.service.templates.rendering import FILTERS, TESTS, TEXT_ENVIRONMENT

MAX_SOURCE = 64_000
MAX_NODES = 500
MAX_NUMBER = 10**1_000
"""Python refuses to print a number with thousands of digits, although it parses one in hexadecimal notation."""

_NODES: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.If, nodes.CondExpr, nodes.Filter, nodes.Test,
    nodes.For,
)  # fmt: skip
_ITERABLE_NODES = (nodes.Name, nodes.Getattr, nodes.Getitem)


class InvalidTemplate(ValueError):
    """The source is not a valid template, or it uses something that templates may not use."""


def validate_template(source: str) -> None:
    """Check the source of a template.

    Raises:
        InvalidTemplate: With the reason, and the line if there is one.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidTemplate(f"A template must have at most {MAX_SOURCE} characters, but has {len(source)}.")
    template_nodes = _parse(source)
    if len(template_nodes) > MAX_NODES:
        raise InvalidTemplate(f"A template must not contain more than {MAX_NODES} elements.")
    for node in template_nodes:
        _check_node(node)


def _parse(source: str) -> list[nodes.Node]:
    try:
        return list(_with_descendants(TEXT_ENVIRONMENT.parse(source)))
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
    if isinstance(node, nodes.Test):
        _check_test(node)
    if isinstance(node, nodes.Name) and node.name == "self":
        raise _invalid(node, "self is a name of Jinja2 and not available for a variable.")
    if isinstance(node, nodes.For):
        _check_loop(node)
    if isinstance(node, nodes.Const):
        _check_const(node)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise _invalid(node, f"the filter {node.name} is not allowed. Use one of: {', '.join(FILTERS)}.")


def _check_test(node: nodes.Test) -> None:
    if node.name not in TESTS:
        raise _invalid(node, f"the test {node.name} is not allowed. Use one of: {', '.join(TESTS)}.")


def _check_const(node: nodes.Const) -> None:
    if isinstance(node.value, str) and node.value != storable_text(node.value):
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
