"""Rules about the source itself, read as syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("heidi_common", "heidi_standalone", "heidi_services", "workers")

ROOMS = frozenset({"routes", "schemas", "service", "models", "cli"})
SPECIALITIES: Mapping[str, frozenset[str]] = {
    "auth": frozenset(
        {"key_rotation", "mailer", "oauth", "one_time_tokens", "pages", "response_timing", "tokens", "totp"}
    ),
    "city": frozenset(
        {"countries", "geo", "http_cache", "import_record", "import_sources", "name_matching", "serializers"}
    ),
    "core": frozenset({"credentials", "operations", "serializers"}),
    "integration": frozenset({"enums", "providers"}),
    "notification": frozenset({"channels", "default_templates", "enums"}),
    "scheduler": frozenset({"actions", "cron", "enums", "long_polling", "misfire"}),
    "users": frozenset({"peer_data", "serializers"}),
}
"""What a service has beyond the common rooms. A name that is not here (utils.py, helpers.py) needs a reason first."""

COMMITS = frozenset({"heidi_common/database/transactions.py"})
FUNCTION_PATH = re.compile(r"(heidi_common|heidi_services|workers)(\.\w+)*:\w+")
# Where settings are made, what runs before there are any, and commands typed by a person.
READS_ENVIRONMENT = re.compile(
    r"heidi_common/(config/settings|config/sections/processes|metrics/exporter|cli/doctor)\.py|heidi_standalone/.*"
    r"|heidi_services/\w+/cli(\.py|/.*)"
)
# The registry loads the services that a process serves; nothing else in heidi_common reaches what stands above it.
# The registry of actors loads the module of each queue.
IMPORTS_BY_NAME = frozenset({"heidi_common/config/service_registry.py", "workers/actors.py"})
BY_NAME = frozenset({"import_module", "__import__", "run_module", "resolve_name"})


def sources() -> dict[str, ast.Module]:
    """Path -> syntax tree, of everything that is installed."""
    files = [ROOT / "wsgi.py", *(path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py")))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files}


def commits(trees: Mapping[str, ast.Module]) -> list[str]:
    """Every mention of a `.commit` outside the one place."""
    return _where(trees, _is_commit, allowed=lambda path: path in COMMITS)


def environment_reads(trees: Mapping[str, ast.Module]) -> list[str]:
    """Looks at the environment anywhere but where settings are made."""
    return _where(trees, _is_environment, allowed=lambda path: READS_ENVIRONMENT.fullmatch(path) is not None)


def dramatiq_imports(trees: Mapping[str, ast.Module]) -> list[str]:
    """Imports of Dramatiq outside workers/, those within functions included."""
    return _where(trees, _imports_dramatiq, allowed=lambda path: path.startswith("workers/"))


def dynamic_imports(trees: Mapping[str, ast.Module]) -> list[str]:
    """Imports by name in heidi_common and workers, which neither mypy nor the contracts of the layers can see, and
    functions that workers name by strings."""
    common = {path: tree for path, tree in trees.items() if path.startswith("heidi_common/")}
    workers = {path: tree for path, tree in trees.items() if path.startswith("workers/")}
    return [
        *_where(common, _imports_by_name, allowed=lambda path: path in IMPORTS_BY_NAME),
        *_where(workers, _imports_importlib, allowed=lambda path: path in IMPORTS_BY_NAME),
        *_where(workers, _is_function_path, allowed=lambda path: False),
    ]


def unknown_rooms(paths: Iterable[str], specialities: Mapping[str, frozenset[str]]) -> list[str]:
    """Files and folders of a service that are neither a common room nor one of its own specialities."""
    found = set()
    for path in paths:
        parts = Path(path).parts
        if parts[0] != "heidi_services" or len(parts) < 3:
            continue
        service, room = parts[1], parts[2].removesuffix(".py")
        if room not in ROOMS | specialities.get(service, frozenset()) | {"__init__"}:
            found.add(f"heidi_services/{service}/{room}")
    return sorted(found)


def _where(
    trees: Mapping[str, ast.Module], wrong: Callable[[ast.AST], bool], *, allowed: Callable[[str], bool]
) -> list[str]:
    return [f"{path}:{line}" for path, tree in trees.items() if not allowed(path) for line in _lines(tree, wrong)]


def _lines(tree: ast.Module, wrong: Callable[[ast.AST], bool]) -> Iterator[int]:
    return (getattr(node, "lineno", 0) for node in ast.walk(tree) if wrong(node))


def _is_commit(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "commit"


def _is_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(name.name in ("environ", "getenv") for name in node.names)
    return isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and _named(node.value, "os")


def _named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _imports_by_name(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(name.name in BY_NAME for name in node.names)
    return (isinstance(node, ast.Attribute) and node.attr in BY_NAME) or (
        isinstance(node, ast.Name) and node.id in BY_NAME
    )


def _imports_dramatiq(node: ast.AST) -> bool:
    return "dramatiq" in _imported_packages(node)


def _imports_importlib(node: ast.AST) -> bool:
    return bool(_imported_packages(node) & {"importlib", "pkgutil"}) or _named(node, "__import__")


def _is_function_path(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(FUNCTION_PATH.fullmatch(node.value))


def _imported_packages(node: ast.AST) -> set[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [name.name for name in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    return {name.partition(".")[0] for name in names}
