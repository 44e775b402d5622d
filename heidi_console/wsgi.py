"""The WSGI entry point of the console."""

from heidi_common.cli.commands import unconfigured
from heidi_common.config.settings import ConfigError, Settings
from heidi_console.app import build_console

try:
    settings = Settings.from_env()
except ConfigError as error:
    app = unconfigured(error)
else:
    app = build_console(settings)
