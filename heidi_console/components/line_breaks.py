"""Where long texts may be broken into lines."""

from __future__ import annotations

from markupsafe import Markup, escape


def breakable(text: str) -> Markup:
    """A text in which e-mail addresses and identifiers are broken after `@` and `_` if they do not fit into a line."""
    return escape(text).replace("@", Markup("@<wbr>")).replace("_", Markup("_<wbr>"))
