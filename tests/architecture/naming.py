"""Rules about names: words that say nothing about a value are not bound, and a class name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

REJECTED = frozenset({"found", "said", "made", "mine", "told", "one"})

Trees = Mapping[str, ast.Module]


def rejected_names(trees: Trees) -> list[str]:
    """Find the functions, classes, parameters, attributes, imports and variables that are called by a rejected word."""
    return [
        f"{path}:{line} {name}"
        for path, tree in trees.items()
        for line, name in sorted(_bindings(tree))
        if name in REJECTED
    ]


def ambiguous_classes(trees: Trees) -> list[str]:
    """Find the classes of two modules that share a name although neither module imports the other."""
    return [
        f"{name}: {first}, {second}"
        for name, paths in sorted(_class_paths(trees).items())
        for first, second in combinations(paths, 2)
        if not (_imports(trees[first], _module(second)) or _imports(trees[second], _module(first)))
    ]


def _bindings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every binding of a name in a module, with its line."""
    for node in ast.walk(tree):
        for name in _bound_names(node):
            yield getattr(node, "lineno", 0), name


def _bound_names(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            return [name]
        case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
    return []


def _class_paths(trees: Trees) -> dict[str, list[str]]:
    """Name of a class at the top of a module -> the paths of the modules that define one of that name."""
    paths: dict[str, list[str]] = defaultdict(list)
    for path, tree in sorted(trees.items()):
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                paths[node.name].append(path)
    return paths


def _imports(tree: ast.Module, module: str) -> bool:
    return any(module in _imported_modules(node) for node in ast.walk(tree))


def _imported_modules(node: ast.AST) -> set[str]:
    """The modules that an import may name: in `from a import b`, `b` can be a module too."""
    match node:
        case ast.Import(names=aliases):
            return {alias.name for alias in aliases}
        case ast.ImportFrom(module=str(package), names=aliases):
            return {package} | {f"{package}.{alias.name}" for alias in aliases}
    return set()


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
