"""Rules about the source code, checked on its syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = (
    "heidi_common",
    "heidi_standalone",
    "heidi_services",
    "heidi_console",
    "heidi_realtime",
    "heidi_backup",
    "workers",
)

COMMON_MODULES = frozenset({"routes", "schemas", "service", "models", "cli"})
DOMAIN_MODULES: Mapping[str, frozenset[str]] = {
    "auth": frozenset({"key_rotation", "oauth", "one_time_tokens", "pages", "response_timing", "tokens", "totp"}),
    "city": frozenset(
        {
            *{"bounding_box", "countries", "enums", "gazetteer", "geo", "http_cache", "import_record"},
            *{"import_sources", "name_matching", "naming", "place_query", "serializers", "spellings"},
        }
    ),
    "core": frozenset({"credentials", "graphql", "serializers"}),
    "integration": frozenset({"endpoint_auth", "enums", "providers", "webhook_signing"}),
    "notification": frozenset({"channels", "default_templates", "enums", "templating"}),
    "files": frozenset(
        {
            *{"antivirus", "content", "content_types", "enums", "images", "names", "stall_guard", "storage"},
            *{"tus", "upload_body"},
        }
    ),
    "scheduler": frozenset({"actions", "cron", "enums", "misfire"}),
    "users": frozenset({"peer_data", "serializers"}),
}
"""The modules that a service has beside the common ones. Before adding one, find a name more precise than `utils`."""

COMMITS = frozenset({"heidi_common/database/transactions.py"})
FUNCTION_PATH = re.compile(r"(heidi_common|heidi_services|workers)(\.\w+)*:\w+")
# The modules that create settings or run before there are any, and commands that are typed by users.
READS_ENVIRONMENT = re.compile(
    r"heidi_common/(config/settings|config/sections/(processes|backup)|metrics/exporter|cli/doctor)\.py|heidi_standalone/.*"
    r"|heidi_backup/programs\.py|heidi_services/\w+/cli(\.py|/.*)"
)
# The registry loads the services that a process serves; nothing else in heidi_common imports from upper layers.
# The registry of actors loads the module of each service.
IMPORTS_BY_NAME = frozenset({"heidi_common/config/service_registry.py", "workers/actors.py"})
BY_NAME = frozenset({"import_module", "__import__", "run_module", "resolve_name"})


def sources() -> dict[str, ast.Module]:
    """Parse the files of the product: path -> syntax tree."""
    files = [ROOT / "wsgi.py", *(path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py")))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files}


def commits(trees: Mapping[str, ast.Module]) -> list[str]:
    """Find uses of `.commit` outside the module for transactions."""
    return _where(trees, _is_commit, allowed=lambda path: path in COMMITS)


def environment_reads(trees: Mapping[str, ast.Module]) -> list[str]:
    """Find reads of environment variables outside the modules that create settings."""
    return _where(trees, _is_environment, allowed=lambda path: READS_ENVIRONMENT.fullmatch(path) is not None)


def dramatiq_imports(trees: Mapping[str, ast.Module]) -> list[str]:
    """Find imports of Dramatiq outside workers/, including those within functions."""
    return _where(trees, _imports_dramatiq, allowed=lambda path: path.startswith("workers/"))


def dynamic_imports(trees: Mapping[str, ast.Module]) -> list[str]:
    """Find imports by name in heidi_common and workers, and functions that workers name by strings.

    Neither mypy nor the layers contracts can see them.
    """
    common = {path: tree for path, tree in trees.items() if path.startswith("heidi_common/")}
    workers = {path: tree for path, tree in trees.items() if path.startswith("workers/")}
    return [
        *_where(common, _imports_by_name, allowed=lambda path: path in IMPORTS_BY_NAME),
        *_where(workers, _imports_importlib, allowed=lambda path: path in IMPORTS_BY_NAME),
        *_where(workers, _is_function_path, allowed=lambda path: False),
    ]


def unknown_modules(paths: Iterable[str], domain_modules: Mapping[str, frozenset[str]]) -> list[str]:
    """Find the modules and packages of a service that are neither common ones nor listed as its domain modules."""
    unknown = set()
    for path in paths:
        parts = Path(path).parts
        if parts[0] != "heidi_services" or len(parts) < 3:
            continue
        service, module = parts[1], parts[2].removesuffix(".py")
        if module not in COMMON_MODULES | domain_modules.get(service, frozenset()) | {"__init__"}:
            unknown.add(f"heidi_services/{service}/{module}")
    return sorted(unknown)


def _where(
    trees: Mapping[str, ast.Module], violates: Callable[[ast.AST], bool], *, allowed: Callable[[str], bool]
) -> list[str]:
    return [f"{path}:{line}" for path, tree in trees.items() if not allowed(path) for line in _lines(tree, violates)]


def _lines(tree: ast.Module, violates: Callable[[ast.AST], bool]) -> Iterator[int]:
    return (getattr(node, "lineno", 0) for node in ast.walk(tree) if violates(node))


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
