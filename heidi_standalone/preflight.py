"""Checks of the machine before anything is started."""

from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import ConfigError, Settings
from heidi_common.server.disk_guard import free_bytes
from heidi_standalone.errors import StartupError
from heidi_standalone.paths import ROOT
from heidi_standalone.platform import StandalonePlatform
from heidi_standalone.ports import require_free
from heidi_standalone.supervision import config

MIN_FREE_BYTES = 300 * 1024 * 1024
"""What a new platform needs. One that exists starts on a full disk too, and reads."""


def check_machine(platform: StandalonePlatform) -> None:
    """Check the settings, the paths, the ports and the free disk space.

    Raises:
        StartupError: One of them is not sufficient.
    """
    try:
        Settings.from_env(platform.given_env)
    except ConfigError as error:
        raise StartupError("; ".join(error.problems)) from None
    programs = [*platform.servers(), *platform.services(), *platform.console(), *platform.router_programs()]
    config.render(programs, folder=ROOT, logs=platform.home.logs, socket=platform.home.run)
    ports = platform.ports
    require_free(ports.router, "the router", "Choose another one with --port or HEIDI_PORT.")
    others = {f"the service {name}": ports.service(name) for name in SERVICES}
    others |= {"the console": ports.console} if platform.has_console else {}
    others |= {"the mail sink": ports.smtp} if platform.mail else {}
    for user, port in others.items():
        require_free(port, user, "Choose another range with HEIDI_BASE_PORT.")
    is_new = not (platform.home.postgres / "PG_VERSION").exists()
    if is_new and free_bytes(platform.home.folder) < MIN_FREE_BYTES:
        raise StartupError(f"The disk that contains {platform.home.folder} has less than 300 MB left. Free some space.")
