"""What must hold on this machine before anything is started."""

import shutil

from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import ConfigError, Settings
from heidi_standalone.errors import CannotRun
from heidi_standalone.platform import Platform
from heidi_standalone.ports import require_free

NEEDED_BYTES = 300 * 1024 * 1024


def check(platform: Platform) -> None:
    """Settings that every program can read, free ports, room on the disk; raises CannotRun."""
    try:
        Settings.from_env(platform.env)
    except ConfigError as error:
        raise CannotRun("; ".join(error.problems)) from None
    ports = platform.ports
    require_free(ports.router, "the router", "choose another with --port or HEIDI_PORT")
    others = {f"the service {name}": ports.service(name) for name in SERVICES}
    others |= {"the mail sink": ports.smtp} if platform.mail else {}
    for what, port in others.items():
        require_free(port, what, "choose another range with HEIDI_BASE_PORT")
    if shutil.disk_usage(platform.home.folder).free < NEEDED_BYTES:
        raise CannotRun(f"the disk that holds {platform.home.folder} has less than 300 MB left; make room")
