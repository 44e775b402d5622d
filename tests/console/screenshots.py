"""`make screenshots`: pictures of the console of the running standalone platform.

python -m tests.console.screenshots                       # those of the documents
python -m tests.console.screenshots --all FOLDER          # every page at three widths, in both themes
python -m tests.console.screenshots --all FOLDER --locale de --width 360 --theme dark
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
WIDTHS, THEMES = (360, 768, 1440), ("light", "dark")
BASE = f"http://localhost:{os.environ.get('HEIDI_PORT', '8080')}"
LINKS = "nav.side.wide a, .heading a.button, td.main a, .rows a, .strip a, .choices-list a"
"""What leads to further pages: the areas, the buttons of a page, and the rows of a list."""
NOT_PAGES = re.compile(r"/export|/content|format=")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{10,}[^/]*")


def main() -> None:
    """Sign in as the administrator and take the pictures."""
    options = _options()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        if options.all:
            _take_all(browser, options)
        else:
            _take_those_of_the_documents(browser)
        browser.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="take every page, into this folder")
    parser.add_argument("--locale", choices=("en", "de"), default="en")
    parser.add_argument("--width", type=int, action="append", help=f"default: {WIDTHS}")
    parser.add_argument("--theme", choices=THEMES, action="append", help="default: both")
    parser.add_argument("--only", default="", metavar="TEXT", help="only pages whose path contains it")
    return parser.parse_args()


def _take_those_of_the_documents(browser: Browser) -> None:
    page = _sign_in(browser, viewport=SIZE, color_scheme="light", locale="en")
    _take(page, IMAGES / "console-home.png")
    page.goto(f"{BASE}/console/people/")
    page.get_by_role("link", name="Heidi Demo").first.click()
    page.locator("a[href^='/console/messages/0']").last.click()
    _take(page, IMAGES / "console-message.png")
    page.goto(f"{BASE}/console/schedules/")
    page.get_by_role("link", name="Demonstration").first.click()
    _take(page, IMAGES / "console-schedule.png")


def _take_all(browser: Browser, options: argparse.Namespace) -> None:
    page = _sign_in(browser, viewport=SIZE | {"width": max(WIDTHS)}, locale=options.locale)
    for path, name in _every_page(page):
        if options.only not in path:
            continue
        page.goto(f"{BASE}{path}")
        for width in options.width or WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for theme in options.theme or THEMES:
                page.emulate_media(color_scheme=theme)
                _take(page, options.all / f"{name}-{width}-{theme}-{options.locale}.png", full_page=True)


def _every_page(page: Page) -> Iterator[tuple[str, str]]:
    """Every page that a link leads to, one of each kind: its path, and a name."""
    paths, names = ["/console/"], set()
    while paths:
        path = paths.pop(0)
        name = re.sub(r"\W+", "-", ID.sub("ID", path.removeprefix("/console/").rstrip("/"))).strip("-") or "home"
        if name in names or NOT_PAGES.search(path):
            continue
        names.add(name)
        page.set_viewport_size({"width": max(WIDTHS), "height": 900})
        page.goto(f"{BASE}{path}")
        links = page.locator(LINKS).evaluate_all("links => links.map(link => link.href)")
        paths += [_path(link) for link in links if link.startswith(f"{BASE}/console/")]
        yield path, name


def _path(url: str) -> str:
    """The path of a page, with the part of the query that makes it another page."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query.startswith("action=") else parts.path


def _sign_in(browser: Browser, **options: Any) -> Page:
    email, password = (Path(os.environ.get("HEIDI_HOME", ".heidi")) / "admin.txt").read_text().split()
    page = browser.new_page(**options)
    page.goto(f"{BASE}/console/sign-in")
    page.locator("[name=email]").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("form:has([name=password]) button.primary").click()
    page.wait_for_url(f"{BASE}/console/")
    return page


def _take(page: Page, path: Path, *, full_page: bool = False) -> None:
    page.wait_for_load_state("networkidle")
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=full_page)
    print(path)


if __name__ == "__main__":
    main()
