"""The WSGI entry: `HEIDI_SERVICE=users` serves that one, unset serves all seven in one app."""

import os

from heidi_common.app import build_app, service
from heidi_common.config import Settings
from heidi_services import SERVICES

names = [os.environ["HEIDI_SERVICE"]] if os.environ.get("HEIDI_SERVICE") else list(SERVICES)
app = build_app(Settings.from_env(), *(service(name) for name in names))
