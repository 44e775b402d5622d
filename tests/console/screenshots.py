"""`make screenshots`: pictures of the console of the running standalone platform, for the documents."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    """Sign in as the administrator and take the pictures."""
    home = Path(os.environ.get("HEIDI_HOME", ".heidi"))
    email, password = (home / "admin.txt").read_text().split()
    base = f"http://localhost:{os.environ.get('HEIDI_PORT', '8080')}/console"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", locale="en")  # type: ignore[arg-type]
        page.goto(f"{base}/sign-in")
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{base}/")
        take(page, "home")
        page.goto(f"{base}/people/")
        page.get_by_role("link", name="Heidi Demo").first.click()
        page.locator("a[href^='/console/messages/0']").last.click()
        take(page, "message")
        page.goto(f"{base}/schedules/")
        page.get_by_role("link", name="Demonstration").first.click()
        take(page, "schedule")
        browser.close()


def take(page: Page, name: str) -> None:
    """Take a picture of the page as it is shown."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"console-{name}.png")
    print(IMAGES / f"console-{name}.png")


if __name__ == "__main__":
    main()
