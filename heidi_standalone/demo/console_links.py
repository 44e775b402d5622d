"""The pages of the console that show what the demonstration has created."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from heidi_standalone.demo.terminal import print_text
from heidi_standalone.target import RunningPlatform

TIMEOUT_SECONDS = 20


def print_links(platform: RunningPlatform, pages: Mapping[str, str]) -> None:
    """Print the URLs of pages; nothing if the platform runs without the console (`HEIDI_CONSOLE=off`).

    Args:
        platform: The running platform.
        pages: What a page shows -> its path after `/console/`.
    """
    console = f"{platform.base_url}/console/"
    if requests.get(f"{console}sign-in", timeout=TIMEOUT_SECONDS).status_code != 200:
        return
    print_text(f"In the console (sign in with the address and password in {platform.home / 'admin.txt'}):")
    for name, path in pages.items():
        print_text(f"  {name:<13} {console}{path}")
    print_text("")
