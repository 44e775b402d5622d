"""Declare settings: each field of a class of settings has its variable, parser, default and help text beside it.

A class of settings is a frozen dataclass whose fields are created by `setting`. It can be composed of sections, which
are base classes of the same kind. The docstring of a section is its heading in docs/configuration.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from heidi_common.config.secret_files import value_of

UNSET: Any = object()
"""The variable is unset, or has no default."""
_KEY = "setting"


class ConfigError(Exception):
    """Variables are missing or invalid. `problems` has one line for each of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The configuration is invalid:\n  " + "\n  ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The declaration of a setting. Without a default the variable is required."""

    variable: str
    help: str
    parse: Callable[[str], Any] = str
    default: Any = UNSET
    production_default: Any = UNSET
    default_text: str = ""

    @property
    def is_required(self) -> bool:
        """Whether a process cannot start without the variable."""
        return self.default is UNSET

    def read(self, env: Mapping[str, str]) -> Any:
        """Read and parse the variable.

        Returns:
            The value, or UNSET if the variable is optional and unset.

        Raises:
            ValueError: The variable is missing or invalid. The text names it.
        """
        raw = value_of(env, self.variable)
        if not raw:
            if self.is_required:
                raise ValueError(f"{self.variable} is missing")
            return UNSET
        try:
            return self.parse(raw)
        except ValueError as error:
            raise ValueError(f"{self.variable}: {error}") from None


def setting(variable: str, *, in_repr: bool = True, **declared: Any) -> Any:
    """Declare a setting.

    Args:
        variable: The environment variable. Its value may also come from the file that `<variable>_FILE` names.
        in_repr: False for secrets, which must not appear when settings are printed.
        declared: The other fields of `Declaration`.
    """
    declaration = Declaration(variable=variable, **declared)
    metadata = {_KEY: declaration}
    if isinstance(declaration.default, dict):
        return field(default_factory=declaration.default.copy, repr=in_repr, metadata=metadata)
    if declaration.is_required:
        return field(repr=in_repr, metadata=metadata)
    return field(default=declaration.default, repr=in_repr, metadata=metadata)


def sections(kind: type) -> tuple[type, ...]:
    """The sections of a class of settings, in their order; the class itself if it has none.

    A class with `declared_sections` has further ones, which modules outside of this package declare.
    """
    bases = tuple(base for base in kind.__bases__ if is_dataclass(base)) or (kind,)
    declared: Callable[[], tuple[type, ...]] = getattr(kind, "declared_sections", tuple)
    return (*bases, *declared())


def declarations(kind: type) -> dict[str, Declaration]:
    """Field -> declaration, in the order of the sections."""
    return {item.name: item.metadata[_KEY] for section in sections(kind) for item in fields(section)}


def read_one(kind: type, name: str, *envs: Mapping[str, str]) -> Any:
    """Parse one variable, for a process that needs no other setting of its class.

    Args:
        kind: The class of settings.
        name: The field.
        envs: Environments; the first one that sets the variable counts.

    Returns:
        The value, or the default if no environment sets the variable.

    Raises:
        ConfigError: The variable is invalid, or is required and missing.
    """
    declaration = declarations(kind)[name]
    try:
        values = (declaration.read(env) for env in envs)
        return next((value for value in values if value is not UNSET), declaration.default)
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def read(kind: type, env: Mapping[str, str]) -> dict[str, Any]:
    """Parse all variables of a class of settings.

    Returns:
        Field -> value, for those that are set.

    Raises:
        ConfigError: Variables are missing or invalid. It names all of them.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, declaration in declarations(kind).items():
        try:
            values[name] = declaration.read(env)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError(problems)
    return {name: value for name, value in values.items() if value is not UNSET}
