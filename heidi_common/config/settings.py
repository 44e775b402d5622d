"""`Settings`: all settings of the platform, read once from the environment when a process starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from heidi_common.config.declaration import UNSET, ConfigError, declarations, read
from heidi_common.config.sections.delivery import DeliverySettings, Providers
from heidi_common.config.sections.files import Files
from heidi_common.config.sections.platform import Logging, Platform, Retention
from heidi_common.config.sections.security import Http, RouterSettings, Security
from heidi_common.config.sections.servers import Broker, Database
from heidi_common.config.sections.sign_in import RateLimits, SignIn

__all__ = ["ConfigError", "Settings"]


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
    Providers,
    Files,
    Retention,
    Logging,
):
    """The settings of every process (see docs/configuration.md)."""

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
        return cls(**values)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _production_defaults() -> dict[str, object]:
    declared = {name: item.production_default for name, item in declarations(Settings).items()}
    return {name: default for name, default in declared.items() if default is not UNSET}
