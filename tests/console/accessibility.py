"""What axe objects to on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page) -> list[str]:
    """What axe objects to: the rule and the elements."""
    results = Axe().run(page, options=WCAG).response["violations"]
    return [f"{each['id']}: {node['target']} {node['html'][:200]}" for each in results for node in each["nodes"]]
