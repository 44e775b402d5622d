"""Where the checkout is: the router's template, the migrations and the WSGI entry are files of it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
