"""`make screenshots`: pictures of the console of the running standalone platform.

python -m tests.console.screenshots                       # those of the documents, one of each area
python -m tests.console.screenshots --all FOLDER          # every page at three widths, in both themes
python -m tests.console.screenshots --all FOLDER --locale de --width 360 --theme dark
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from heidi_standalone.target import RunningPlatform
from tests.console.screenshots.documents import PICTURES, Picture, create_examples
from tests.console.screenshots.every_page import every_page

IMAGES = Path(__file__).parents[3] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
COLORS = 256
"""Of a picture of the documents, which makes its file a third as large."""
WIDTHS, THEMES = (360, 768, 1440), ("light", "dark")


def main() -> None:
    """Sign in as the administrator and take the pictures."""
    options, platform = _options(), RunningPlatform.from_env()
    base = platform.base_url
    create_examples(platform.admin_client())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = _sign_in(browser, platform, viewport=SIZE, color_scheme="light", locale=options.locale)
        if options.all:
            _take_every_page(page, base, options)
        else:
            for picture in PICTURES:
                _take_for_documents(page, base, picture)
        browser.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="take every page, into this folder")
    parser.add_argument("--locale", choices=("en", "de"), default="en")
    parser.add_argument("--width", type=int, action="append", help=f"default: {WIDTHS}")
    parser.add_argument("--theme", choices=THEMES, action="append", help="default: both")
    parser.add_argument("--only", default="", metavar="TEXT", help="only pages whose path contains it")
    return parser.parse_args()


def _take_for_documents(page: Page, base: str, picture: Picture) -> None:
    page.goto(f"{base}/console/{picture.path}")
    for link in picture.links:
        page.locator(link).first.click()
    for name, text in picture.typed.items():
        page.locator(f"[name={name}]").fill(text)
    _wait(page)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    path = IMAGES / f"console-{picture.area}.png"
    image.save(path, optimize=True)
    print(path)


def _take_every_page(page: Page, base: str, options: argparse.Namespace) -> None:
    for path, name in every_page(page, base, max(WIDTHS)):
        if options.only not in path:
            continue
        page.goto(f"{base}{path}")
        for width in options.width or WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for theme in options.theme or THEMES:
                page.emulate_media(color_scheme=theme)
                _wait(page)
                file = options.all / f"{name}-{width}-{theme}-{options.locale}.png"
                page.screenshot(path=file, full_page=True)
                print(file)


def _wait(page: Page) -> None:
    page.wait_for_load_state("networkidle")


def _sign_in(browser: Browser, platform: RunningPlatform, **options: Any) -> Page:
    email, password = platform.admin_credentials()
    page = browser.new_page(**options)
    page.goto(f"{platform.base_url}/console/sign-in")
    page.locator("[name=email]").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("form:has([name=password]) button.primary").click()
    page.wait_for_url(f"{platform.base_url}/console/")
    return page


if __name__ == "__main__":
    main()
