"""Where the checkout is (the router's template, the migrations, the WSGI entry are files of it), and its services."""

from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVICES: dict[str, int] = import_module("heidi_services").SERVICES
"""Name -> default port. Found by name: this package never imports upwards."""
