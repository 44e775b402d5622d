"""The WSGI entry point: `HEIDI_SERVICE=users` serves that service; if it is unset, one app serves all services.

For `flask users list` and other commands it is an app without routes. `flask run`, `routes` and `shell` get them.
"""

from heidi_common.app import build_app, command_app
from heidi_common.cli import commands
from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import ConfigError, Settings

try:
    process, settings = WebProcess.from_env(), Settings.from_env()
except ConfigError as error:
    app = commands.unconfigured(error)
else:
    if commands.is_looked_up():
        app = command_app(settings, process.service or "heidi")
    else:
        names = [process.service] if process.service else list(SERVICES)
        app = build_app(settings, *(SERVICES[name] for name in names))
