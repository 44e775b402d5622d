"""Environment -> one frozen Settings value, read once; every wrong variable is named in one error."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from heidi_common.config.declaration import UNSET, ConfigError, declarations, read
from heidi_common.config.sections.delivery import Delivery, Providers
from heidi_common.config.sections.platform import Logging, Platform, Retention
from heidi_common.config.sections.security import Http, Security
from heidi_common.config.sections.servers import Broker, Database
from heidi_common.config.sections.sign_in import RateLimits, SignIn

__all__ = ["ConfigError", "Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings(Platform, Database, Broker, Security, SignIn, RateLimits, Http, Delivery, Providers, Retention, Logging):
    """Everything the platform reads from its environment (see docs/configuration.md)."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read and check every variable.

        Raises:
            ConfigError: It names every variable that is wrong or missing.
        """
        values = read(cls, env)
        if values.get("environment", cls.environment) == "production":
            values = _production_defaults() | values
        return cls(**values)

    @property
    def exposes_errors(self) -> bool:
        """Development shows SQL and reasons in the log that production keeps short."""
        return self.environment in ("development", "test")


def _production_defaults() -> dict[str, object]:
    declared = {name: item.production_default for name, item in declarations(Settings).items()}
    return {name: default for name, default in declared.items() if default is not UNSET}
