"""The folder of the checkout, which contains the router's template, the migrations and `wsgi.py`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
