"""Every page of the console that a link leads to, one of each kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Page

LINKS = "nav.side.wide a, .heading a.button, td.main a, .rows a, .strip a, .choices-list a"
"""What leads to further pages: the areas, the buttons of a page, and the rows of a list."""
NOT_PAGES = re.compile(r"/export|/content|format=")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{10,}[^/]*")


def every_page(page: Page, base: str, width: int) -> Iterator[tuple[str, str]]:
    """Every page that a link leads to, one of each kind: its path, and a name.

    Args:
        page: A page of a signed-in user, which is used to look for links.
        base: The URL of the platform.
        width: The width of the window while it looks, in pixels.
    """
    paths, names = ["/console/"], set()
    while paths:
        path = paths.pop(0)
        name = re.sub(r"\W+", "-", ID.sub("ID", path.removeprefix("/console/").rstrip("/"))).strip("-") or "home"
        if name in names or NOT_PAGES.search(path):
            continue
        names.add(name)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{base}{path}")
        links = page.locator(LINKS).evaluate_all("links => links.map(link => link.href)")
        paths += [_path(link) for link in links if link.startswith(f"{base}/console/")]
        yield path, name


def _path(url: str) -> str:
    """The path of a page, with the part of the query that makes it another page."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query.startswith("action=") else parts.path
