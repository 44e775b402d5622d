"""Where long texts may be broken into lines."""

from __future__ import annotations

from markupsafe import Markup, escape


def breakable(text: str) -> Markup:
    """A text with e-mail addresses that are broken after the `@` if they do not fit into a line."""
    return escape(text).replace("@", Markup("@<wbr>"))
