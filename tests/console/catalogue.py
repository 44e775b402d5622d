"""The texts that templates and modules of the console translate."""

from __future__ import annotations

from pathlib import Path

from babel.messages.extract import extract_from_dir
from jinja2.ext import babel_extract  # noqa: F401  # the entry point `jinja2` of Babel

CONSOLE = Path(__file__).parents[2] / "heidi_console"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "lazy": None, "translate": None, "translate_count": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"**.html": {"trimmed": "true"}}

Text = str | tuple[str, ...]


def texts() -> set[Text]:
    """Every text with its plural, as the code has it."""
    return {message[2] for message in extract_from_dir(CONSOLE, METHODS, OPTIONS, KEYWORDS) if message[2]}
