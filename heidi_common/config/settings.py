"""`Settings`: all settings of the platform, read once from the environment when a process starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from heidi_common.config.declaration import UNSET, ConfigError, declarations, read
from heidi_common.config.sections.delivery import DeliverySettings
from heidi_common.config.sections.files import Files
from heidi_common.config.sections.platform import Logging, Platform, Retention
from heidi_common.config.sections.security import Http, RouterSettings, Security
from heidi_common.config.sections.servers import Broker, Database
from heidi_common.config.sections.sign_in import RateLimits, SignIn
from heidi_common.config.sections.tracing import Tracing
from heidi_common.config.service_registry import declared_sections

__all__ = ["ConfigError", "Settings"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Settings(
    Platform,
    Database,
    Broker,
    Security,
    SignIn,
    RateLimits,
    Http,
    RouterSettings,
    DeliverySettings,
    Files,
    Retention,
    Logging,
    Tracing,
):
    """The settings of every process (see docs/configuration.md).

    Attributes:
        parts: The sections that are declared elsewhere, by their classes; one that is missing has its defaults.
    """

    parts: Mapping[type, Any] = field(default_factory=dict)

    declared_sections = staticmethod(declared_sections)

    def part(self, section: type[T]) -> T:
        """Return the values of a section that is declared outside of this package, such as a message provider's."""
        values: T = self.parts.get(section) or section()
        return values

    def changed(self, **values: Any) -> Settings:
        """Return a copy with other values of fields, which may belong to a declared section."""
        section_of = {name: section for section in declared_sections() for name in declarations(section)}
        own = {name: value for name, value in values.items() if name not in section_of}
        parts = dict(self.parts)
        for name in values.keys() - own.keys():
            parts[section_of[name]] = replace(parts.get(section_of[name]) or section_of[name](), **{name: values[name]})
        return replace(self, parts=parts, **own)

    @property
    def exempts_loopback(self) -> bool:
        """Whether rate limits for an address leave out clients on this machine.

        They do in a standalone platform that only this machine can reach. Behind a proxy on the same machine, a
        request from a loopback address can come from anywhere.
        """
        is_local = _is_loopback(urlsplit(self.public_base_url).hostname or "") and not self.router_trusted_proxies
        return self.environment == "test" or (self.environment == "standalone" and is_local)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read and check every variable.

        Raises:
            ConfigError: Variables are missing or invalid. It names all of them.
        """
        values = read(cls, env)
        if values.get("environment", cls.environment) == "production":
            values = _production_defaults() | values
        required = {name: values.pop(name) for name, item in declarations(cls).items() if item.is_required}
        return cls(**required).changed(**values)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _production_defaults() -> dict[str, object]:
    declared = {name: item.production_default for name, item in declarations(Settings).items()}
    return {name: default for name, default in declared.items() if default is not UNSET}
