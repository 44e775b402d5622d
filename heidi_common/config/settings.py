"""`Settings`: all settings of the platform, read once from the environment when a process starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from heidi_common.config.declaration import UNSET, ConfigError, declarations, read
from heidi_common.config.sections.delivery import DeliverySettings, Providers
from heidi_common.config.sections.platform import Logging, Platform, Retention
from heidi_common.config.sections.security import Http, Security
from heidi_common.config.sections.servers import Broker, Database
from heidi_common.config.sections.sign_in import RateLimits, SignIn

__all__ = ["ConfigError", "Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings(
    Platform, Database, Broker, Security, SignIn, RateLimits, Http, DeliverySettings, Providers, Retention, Logging
):
    """The settings of every process (see docs/configuration.md)."""

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


def _production_defaults() -> dict[str, object]:
    declared = {name: item.production_default for name, item in declarations(Settings).items()}
    return {name: default for name, default in declared.items() if default is not UNSET}
