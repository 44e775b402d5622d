"""The rule that error details are sentences, checked on the syntax trees.

A detail starts with a capital letter or a name in backquotes and ends with a full stop. The rule covers the arguments
of problems, FieldError, ValidationError and of marshmallow's validators (`error=`), if they are literals, f-strings, or
names that the same module assigns them to.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

SENTENCE = re.compile(r"[A-Z`].*\.", re.DOTALL)
VALUE = "\0"
"""Stands for a value in an f-string: a sentence neither starts nor ends with it."""

Assignments = Mapping[str, list[ast.expr]]
Positions = Mapping[str, int]
"""Name of a class of errors -> the position of the detail among its arguments."""


def not_sentences(trees: Mapping[str, ast.Module]) -> list[str]:
    """Find the error details that are not sentences, as `path:line: text`."""
    positions = detail_positions(trees)
    return [
        f"{path}:{line}: {text.replace(VALUE, '{...}')}"
        for path, tree in trees.items()
        for line, text in sorted(_details(tree, positions))
        if not SENTENCE.fullmatch(text)
    ]


def details(trees: Mapping[str, ast.Module]) -> list[str]:
    """All texts that this rule checks."""
    positions = detail_positions(trees)
    return [text for tree in trees.values() for _, text in _details(tree, positions)]


def detail_positions(trees: Mapping[str, ast.Module]) -> Positions:
    """Find Problem and the classes that inherit from it, and which positional argument of each is the detail."""
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    positions: dict[str, int] = {"Problem": 0, "FieldError": 1, "ValidationError": 0}
    while new := {node.name: position for node in classes if (position := _problem(node, positions)) is not None}:
        positions |= new
    return positions


def _problem(node: ast.ClassDef, positions: Positions) -> int | None:
    """The position of the detail in a class that is not known yet and inherits from one that is.

    None if the class takes no detail: it has its own.
    """
    inherited = [positions[_name(base)] for base in node.bases if _name(base) in positions]
    if node.name in positions or not inherited:
        return None
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            names = [argument.arg for argument in item.args.args]
            return names.index("detail") - 1 if "detail" in names else None
    return inherited[0]


def _details(tree: ast.Module, positions: Positions) -> Iterator[tuple[int, str]]:
    assignments = _assignments(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for argument in _arguments(call, positions):
            for text in _texts(argument, assignments):
                yield call.lineno, text


def _arguments(call: ast.Call, positions: Positions) -> list[ast.expr]:
    """The arguments of a call that are error details."""
    position = _position(call, positions)
    if position is None:
        return [word.value for word in call.keywords if word.arg == "error" and _is_validator(call)]
    return call.args[position : position + 1] + [word.value for word in call.keywords if word.arg == "detail"]


def _position(call: ast.Call, positions: Positions) -> int | None:
    """Which positional argument of a call is the detail; None if the call does not create an error."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "field" and _name(call.func.value) in positions:
        return 1  # Invalid.field(name, detail)
    return positions.get(_name(call.func))


def _is_validator(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and _name(call.func.value) == "validate"


def _assignments(tree: ast.Module) -> Assignments:
    """Name -> every value that the module assigns to it."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                values.setdefault(_name(target), []).append(node.value)
    return values


def _texts(node: ast.expr, assignments: Assignments) -> list[str]:
    """The texts that an expression can have, as far as they are literals."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values)]
    if isinstance(node, ast.Name):
        values = assignments.get(node.id, [])
        return [text for value in values if not isinstance(value, ast.Name) for text in _texts(value, {})]
    return [text for part in _parts(node) for text in _texts(part, assignments)]


def _parts(node: ast.expr) -> list[ast.expr]:
    """The alternatives of a conditional expression, the items of a list, the values of a dictionary."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp | ast.Dict):
        return list(node.values)
    return list(node.elts) if isinstance(node, ast.List | ast.Tuple) else []


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
