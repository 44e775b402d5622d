"""The rule that a view declares the conditional request headers it reads, checked on the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

Calls = dict[str, set[str]]
"""Dotted name of a function or an import -> the dotted names that it uses."""

CONDITIONAL = frozenset({"IF_MATCH", "IF_NONE_MATCH"})


def misdeclared_headers(trees: Mapping[str, ast.Module]) -> list[str]:
    """Find the views whose `@documents(...)` differs from the headers that they read, directly or by what they call."""
    calls, readers = _calls(trees), _readers(trees)
    wrong = []
    for path, view in _views(trees):
        reached = _reachable(calls, f"{_module(path)}.{view.name}")
        differences = _compare(_declared(view), _read(view, reached, readers))
        wrong += [f"{path}:{view.name} {difference}" for difference in differences]
    return wrong


def views(trees: Mapping[str, ast.Module]) -> list[str]:
    """The names of the views that this rule checks, except those of HEAD or OPTIONS alone."""
    return [view.name for _, view in _views(trees) if _methods(view) - {"HEAD", "OPTIONS"}]


def _views(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, ast.FunctionDef]]:
    return ((path, view) for path, tree in trees.items() for view in _functions(tree) if _methods(view))


def _compare(declared: set[str], read: set[str]) -> list[str]:
    undeclared = [f"reads {name} undeclared" for name in sorted(read - declared)]
    return undeclared + [f"declares {name} unread" for name in sorted(declared - read)]


def _read(view: ast.FunctionDef, reached: set[str], readers: Mapping[str, set[str]]) -> set[str]:
    read = set().union(*(readers.get(name, set()) for name in reached))
    return read if "GET" in _methods(view) else read - {"IF_NONE_MATCH"}  # set_etag() reads it in GET alone


def _methods(view: ast.FunctionDef) -> set[str]:
    """The methods in `@blp.route(..., methods=[...])`; none if the function is not a view."""
    for call in _decorator_calls(view):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "route":
            listed = next((word.value for word in call.keywords if word.arg == "methods"), None)
            return set(ast.literal_eval(listed)) if listed else {"GET"}
    return set()


def _declared(view: ast.FunctionDef) -> set[str]:
    calls = (call for call in _decorator_calls(view) if isinstance(call.func, ast.Name) and call.func.id == "documents")
    return {name.id for call in calls for name in call.args if isinstance(name, ast.Name)} & CONDITIONAL


def _decorator_calls(view: ast.FunctionDef) -> Iterator[ast.Call]:
    return (node for node in view.decorator_list if isinstance(node, ast.Call))


def _readers(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Functions that name a header (`"If-Match"`) or use Werkzeug's attribute for it (`request.if_match`)."""
    return {
        f"{_module(path)}.{function.name}": {name for node in ast.walk(function) for name in _header_names(node)}
        for path, tree in trees.items()
        for function in _functions(tree)
    }


def _header_names(node: ast.AST) -> set[str]:
    name = node.value if isinstance(node, ast.Constant) else node.attr if isinstance(node, ast.Attribute) else ""
    return {str(name).upper().replace("-", "_")} & CONDITIONAL


def _calls(trees: Mapping[str, ast.Module]) -> Calls:
    calls: Calls = {}
    for path, tree in trees.items():
        module = _module(path)
        imports = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        calls |= {f"{module}.{name}": {target} for name, target in imports.items()}
        calls |= {f"{module}.{function.name}": _used(function, module, imports) for function in _functions(tree)}
    return calls


def _used(function: ast.FunctionDef, module: str, imports: Mapping[str, str]) -> set[str]:
    """What a function names: `name` is of its module or imported, `imported.name` of the imported module."""
    used = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            used.add(f"{module}.{node.id}")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imports:
            used.add(f"{imports[node.value.id]}.{node.attr}")
    return used


def _reachable(calls: Calls, start: str) -> set[str]:
    reached: set[str] = set()
    waiting = {start}
    while waiting:
        reached |= waiting
        waiting = set().union(*(calls.get(name, set()) for name in waiting)) - reached
    return reached


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
