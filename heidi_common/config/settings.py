"""Environment -> one frozen Settings value, read once; every wrong variable is named in one error."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar
from urllib.parse import urlsplit

from heidi_common.config.secret_files import value_of

T = TypeVar("T")
Network = IPv4Network | IPv6Network

ENVIRONMENTS = ("development", "test", "standalone", "production")


class ConfigError(Exception):
    """The environment does not describe a platform that can start; the text names each variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Configuration is not usable:\n  " + "\n  ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the platform reads from its environment (see the README's table)."""

    environment: str = "production"
    database_url: str
    redis_url: str
    broker_url: str
    public_base_url: str
    frontend_url: str = ""
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    jwt_public_keys: str = field(repr=False)
    jwt_private_keys: str | None = field(default=None, repr=False)
    jwt_issuer: str = "heidi"
    jwt_audience: str = "heidi"

    database_pool_size: int = 10
    database_max_overflow: int = 0
    smtp_url: str = "smtp://127.0.0.1:1025"
    mail_from: str = "Heidi <no-reply@localhost>"
    peer_url: str = "http://127.0.0.1:{port}"
    base_port: int = 3001
    cors_origins: tuple[str, ...] = ()
    outbound_allow_nets: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
    request_time_limit: int = 30
    max_body_bytes: int = 1024 * 1024
    log_level: str = "INFO"
    log_format: str = "json"

    core_client_id: str | None = None
    core_client_secret: str | None = field(default=None, repr=False)

    access_token_seconds: int = 900
    session_idle_seconds: int = 7 * 86400
    session_absolute_seconds: int = 30 * 86400
    auth_registration: str = "open"
    password_hasher: str = "argon2id"

    throttle_address_per_minute: int = 600
    throttle_user_per_minute: int = 1200
    throttle_window_seconds: int = 900
    throttle_pair_failures: int = 10
    throttle_address_failures: int = 100
    throttle_account_failures: int = 50
    throttle_registrations_per_minute: int = 120
    throttle_mails_per_hour: int = 20

    event_retention_days: int = 30

    notification_retention_days: int = 365
    email_providers: tuple[str, ...] = ("smtp",)
    sms_providers: tuple[str, ...] = ("simulated",)
    push_providers: tuple[str, ...] = ("simulated",)
    provider_rates: Mapping[str, float] = field(default_factory=dict)
    sendgrid_api_key: str = field(default="", repr=False)
    sendgrid_url: str = "https://api.sendgrid.com"
    sendgrid_webhook_public_key: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = field(default="", repr=False)
    twilio_from: str = ""
    twilio_url: str = "https://api.twilio.com"
    fcm_service_account: str = field(default="", repr=False)
    fcm_url: str = "https://fcm.googleapis.com"
    vapid_private_key: str = field(default="", repr=False)
    vapid_subject: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read and check every variable; raises ConfigError listing all that is wrong."""
        return _Reader(env).settings()

    @property
    def exposes_errors(self) -> bool:
        """Development shows SQL and reasons in the log that production keeps short."""
        return self.environment in ("development", "test")


class _Reader:
    """Collects the problems of all variables before it gives up."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.problems: list[str] = []
        self.values: dict[str, Any] = {}

    def settings(self) -> Settings:
        self._read("environment", "HEIDI_ENV", _one_of(*ENVIRONMENTS))
        self._read("database_url", "DATABASE_URL", _postgres_url, required=True)
        self._read("redis_url", "REDIS_URL", _url("redis", "rediss", "unix"), required=True)
        self._read("broker_url", "BROKER_URL", _url("amqp", "amqps", "redis", "rediss", "unix"), required=True)
        self._read("public_base_url", "PUBLIC_BASE_URL", _base_url, required=True)
        self._read("secret_key", "SECRET_KEY", _secret, required=True)
        self._read("encryption_keys", "ENCRYPTION_KEYS", _encryption_keys, required=True)
        self._read("jwt_public_keys", "JWT_PUBLIC_KEYS", str, required=True)
        for name, read in _OPTIONAL.items():
            self._read(name, name.upper() if name not in _RENAMED else _RENAMED[name], read)
        if self.problems:
            raise ConfigError(self.problems)
        if self.values.get("environment", Settings.environment) == "production":
            # Where messages matter none is sent to nobody: without a provider they fail, and say so.
            self.values = {"sms_providers": (), "push_providers": ()} | self.values
        return Settings(**self.values)

    def _read(self, name: str, variable: str, read: Callable[[str], Any], *, required: bool = False) -> None:
        try:
            raw = value_of(self.env, variable)
        except ValueError as error:
            self.problems.append(str(error))
            return
        if not raw:
            if required:
                self.problems.append(f"{variable} is missing")
            return
        try:
            self.values[name] = read(raw)
        except ValueError as error:
            self.problems.append(f"{variable}: {error}")


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"{raw!r} is not one of {', '.join(choices)}")
        return raw

    return read


def _some_of(*choices: str) -> Callable[[str], tuple[str, ...]]:
    one = _one_of(*choices)
    return lambda raw: tuple(one(word) for word in _words(raw))


def _rates(raw: str) -> Mapping[str, float]:
    """`twilio=10,sendgrid=100`: messages a second."""
    found = {name: float(rate) for name, _, rate in (word.partition("=") for word in _words(raw))}
    if any(rate <= 0 for rate in found.values()):
        raise ValueError("a rate must be more than 0")
    return found


def _url(*schemes: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if urlsplit(raw).scheme not in schemes:
            raise ValueError(f"the URL must begin with {' or '.join(s + '://' for s in schemes)}")
        return raw

    return read


def _postgres_url(raw: str) -> str:
    """SQLAlchemy 2.1 maps postgresql:// to psycopg 3; the driver here is psycopg2."""
    scheme, found, rest = raw.partition("://")
    if not found or scheme not in ("postgres", "postgresql", "postgresql+psycopg2"):
        raise ValueError("the URL must begin with postgresql://")
    return f"postgresql+psycopg2://{rest}"


def _base_url(raw: str) -> str:
    return _url("http", "https")(raw).rstrip("/")


def _secret(raw: str) -> str:
    if len(raw) < 32:
        raise ValueError("needs 32 characters or more, from a random source")
    if len(set(raw)) < 8 or "change" in raw.lower():
        raise ValueError("looks like a placeholder, not like a random secret")
    return raw


def _encryption_keys(raw: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in raw.split(",") if part.strip())
    for number, key in enumerate(keys, 1):
        try:
            size = len(base64.b64decode(key, validate=True))
        except binascii.Error:
            raise ValueError(f"key {number} is not base64") from None
        if size != 32:
            raise ValueError(f"key {number} has {size} bytes instead of 32")
    return keys


def _natural(raw: str) -> int:
    if not (raw.isascii() and raw.isdigit()):
        raise ValueError(f"{raw!r} is not a whole number")
    return int(raw)


def _words(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _networks(raw: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in _words(raw))


_RENAMED = {"base_port": "HEIDI_BASE_PORT"}
_OPTIONAL: dict[str, Callable[[str], Any]] = {
    "frontend_url": _base_url,
    "jwt_private_keys": str,
    "jwt_issuer": str,
    "jwt_audience": str,
    "database_pool_size": _natural,
    "database_max_overflow": _natural,
    "smtp_url": _url("smtp", "smtps"),
    "mail_from": str,
    "peer_url": _url("http", "https"),
    "base_port": _natural,
    "core_client_id": str,
    "core_client_secret": str,
    "cors_origins": _words,
    "outbound_allow_nets": _networks,
    "trusted_proxies": _networks,
    "request_time_limit": _natural,
    "max_body_bytes": _natural,
    "log_level": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": _one_of("json", "console"),
    "access_token_seconds": _natural,
    "session_idle_seconds": _natural,
    "session_absolute_seconds": _natural,
    "auth_registration": _one_of("open", "verified"),
    "password_hasher": _one_of("argon2id", "bcrypt"),
    "throttle_address_per_minute": _natural,
    "throttle_user_per_minute": _natural,
    "throttle_window_seconds": _natural,
    "throttle_pair_failures": _natural,
    "throttle_address_failures": _natural,
    "throttle_account_failures": _natural,
    "throttle_registrations_per_minute": _natural,
    "throttle_mails_per_hour": _natural,
    "event_retention_days": _natural,
    "notification_retention_days": _natural,
    "email_providers": _some_of("smtp", "sendgrid", "simulated"),
    "sms_providers": _some_of("twilio", "simulated"),
    "push_providers": _some_of("fcm", "webpush", "simulated"),
    "provider_rates": _rates,
    "sendgrid_api_key": str,
    "sendgrid_url": _base_url,
    "sendgrid_webhook_public_key": str,
    "twilio_account_sid": str,
    "twilio_auth_token": str,
    "twilio_from": str,
    "twilio_url": _base_url,
    "fcm_service_account": str,
    "fcm_url": _base_url,
    "vapid_private_key": str,
    "vapid_subject": str,
}
