"""The WSGI entry: `HEIDI_SERVICE=users` serves that one, unset serves all seven in one app."""

import os

from heidi_common.app import build_app
from heidi_common.cli import commands
from heidi_common.config.settings import ConfigError, Settings
from heidi_services import SERVICES

names = [os.environ["HEIDI_SERVICE"]] if os.environ.get("HEIDI_SERVICE") else list(SERVICES)
try:
    settings = Settings.from_env()
except ConfigError as error:
    app = commands.unconfigured(error)
else:
    app = build_app(settings, *(SERVICES[name] for name in names))
