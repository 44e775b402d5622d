"""The services of the platform. This is the only list of them, and the only module that imports them by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module, util
from types import ModuleType

FIRST_PORT = 3001


@dataclass(frozen=True)
class Service:
    """A service.

    Args:
        name: The name, as in HEIDI_SERVICE.
        port: The port on which it listens by default.
        module: The dotted name of its package.
        about: A title for its OpenAPI document.
    """

    name: str
    port: int
    module: str
    about: str

    def port_from(self, base_port: int) -> int:
        """The port of this service if the first service listens on `base_port`."""
        return base_port + self.port - FIRST_PORT

    def load(self, part: str) -> ModuleType | None:
        """Import a module of the service by its name (`routes`, `cli`).

        Returns:
            The module, or None if the service does not have it.
        """
        path = f"{self.module}.{part}"
        return import_module(path) if util.find_spec(path) else None


_NOTIFICATION = "E-mail, SMS, push and in-app messages, delivered and tracked"
_INTEGRATION = "Signed webhooks in, signed webhooks out, provider calls"
_ALL = (
    Service("auth", 3001, "heidi_services.auth", "Sign-in, sessions and tokens"),
    Service("users", 3002, "heidi_services.users", "Accounts"),
    Service("city", 3003, "heidi_services.city", "Places, nearest cities, search"),
    Service("core", 3004, "heidi_services.core", "The overview and the operations that cross services"),
    Service("notification", 3005, "heidi_services.notification", _NOTIFICATION),
    Service("scheduler", 3006, "heidi_services.scheduler", "Cron schedules and the history of their runs"),
    Service("integration", 3007, "heidi_services.integration", _INTEGRATION),
    Service("files", 3008, "heidi_services.files", "Uploaded files: resumable uploads, links, renditions, virus scans"),
)

_DECLARE_SETTINGS = ("heidi_services.notification.channels.registry",)
"""Modules with a function `setting_sections`: what is added by one file declares its settings in that file."""

CONSOLE = Service("console", 3009, "heidi_console", "The web console, a client of the services")
"""The console runs like a service, but it is a client of the services and has no API."""

REALTIME = Service("realtime", 3010, "heidi_realtime", "WebSockets")
"""The role that holds WebSockets. It runs beside the services, and uses their functions."""

SERVICES = {service.name: service for service in _ALL}
"""Name -> service, in the order of their ports."""

COMMAND_GROUPS = {
    "audit": ("auth", "Audit trail: verify, list, address."),
    "cities": ("city", "Cities: import, nearby, search, stats. Data: GeoNames (geonames.org), CC BY 4.0."),
    "clients": ("auth", "Machine clients: create, list."),
    "events": ("core", "The event log, its dead letters, and replays of past events."),
    "files": ("files", "Inspect files and their storage."),
    "integrations": ("integration", "Inspect, test, recover and disable integrations; rotate secrets and keys."),
    "keys": ("auth", "Signing keys: list, rotate. Encryption keys: reseal. Web Push: vapid."),
    "notifications": ("notification", "Inspect notifications and retry failed ones."),
    "schedules": ("scheduler", "List, run, enable and disable schedules; list, cancel and repeat runs."),
    "users": ("users", "Users: create an administrator, list, change, import, export."),
}
"""The groups of `flask` commands: the service whose module `cli` has the group, and its help text.

They are listed here so that `flask --help` and the commands of one service do not import the others.
"""


def declared_sections() -> tuple[type, ...]:
    """The sections of settings that are declared outside of `config`, such as those of message providers."""
    return tuple(section for name in _DECLARE_SETTINGS for section in import_module(name).setting_sections())


def load_all_models() -> None:
    """Import the models of all services, for what concerns the whole platform: a process imports only its own."""
    for service in SERVICES.values():
        service.load("models")
