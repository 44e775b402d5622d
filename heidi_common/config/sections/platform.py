"""Settings of the platform as a whole: its addresses, its log and how long it keeps data."""

from __future__ import annotations

from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import base_url, natural, one_of, one_of_any_case, url
from heidi_common.config.service_registry import FIRST_PORT

ENVIRONMENTS = ("development", "test", "standalone", "production")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Platform."""

    environment: str = setting(
        "HEIDI_ENV",
        parse=one_of(*ENVIRONMENTS),
        default="production",
        help="The kind of installation: `development`, `test`, `standalone` or `production`.",
    )
    public_base_url: str = setting(
        "PUBLIC_BASE_URL",
        parse=base_url,
        help="The URL at which clients reach the router. Links in e-mails and webhook URLs begin with it.",
    )
    frontend_url: str = setting(
        "FRONTEND_URL",
        parse=base_url,
        default="",
        help="The URL of your own application with the pages `/verify-email`, `/reset-password`, `/confirm-email` "
        "and `/revert-email`, to which e-mails "
        "link. If it is unset, they link to Heidi's pages at `PUBLIC_BASE_URL`.",
    )
    peer_url: str = setting(
        "PEER_URL",
        parse=url("http", "https"),
        default="http://127.0.0.1:{port}",
        help="The URL at which services call each other. `{service}` and `{port}` are replaced.",
    )
    base_port: int = setting(
        "HEIDI_BASE_PORT",
        parse=natural,
        default=FIRST_PORT,
        help="The port of the auth service. The other services use the ports that follow.",
    )
    core_client_id: str | None = setting(
        "CORE_CLIENT_ID",
        default=None,
        help="The machine client with which core and its worker call the other services. Set it only for these two.",
    )
    core_client_secret: str | None = setting(
        "CORE_CLIENT_SECRET", default=None, in_repr=False, help="The secret of `CORE_CLIENT_ID`."
    )
    data_folder: str = setting(
        "DATA_FOLDER",
        default="",
        help="The folder of the database, if it is on this machine; `make run` sets it. When its disk is full, changes "
        "are rejected with 507, and background work waits.",
    )
    heartbeat_folder: str = setting(
        "HEARTBEAT_FOLDER",
        default="",
        help="The folder in which relay, clock and workers of this machine show that they are alive. If it is unset, a "
        "folder of the user below that for temporary files.",
    )


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Retention."""

    event_retention_days: int = setting(
        "EVENT_RETENTION_DAYS", parse=natural, default=30, help="Days for which the event log is kept."
    )
    notification_retention_days: int = setting(
        "NOTIFICATION_RETENTION_DAYS", parse=natural, default=365, help="Days for which notifications are kept."
    )
    audit_address_retention_days: int = setting(
        "AUDIT_ADDRESS_RETENTION_DAYS",
        parse=natural,
        default=90,
        help="Days for which the e-mail addresses behind the fingerprints of the audit trail are kept, encrypted.",
    )


@dataclass(frozen=True, kw_only=True)
class Logging:
    """Logging."""

    log_level: str = setting(
        "LOG_LEVEL",
        parse=one_of_any_case(*LEVELS),
        default="INFO",
        help="`DEBUG`, `INFO`, `WARNING` or `ERROR`, in upper or lower case. In development, `DEBUG` logs SQL "
        "statements with their duration.",
    )
    log_format: str = setting(
        "LOG_FORMAT", parse=one_of("json", "console"), default="json", help="`json` or `console`."
    )
