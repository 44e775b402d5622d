"""Preferences of messages: a grid of categories and channels, and quiet hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heidi_common.channels.registry import CHANNELS

CATEGORIES = ("general", "marketing")
"""Shown even if the user has not chosen anything for them yet."""


class PreferencesForm:
    """The grid.

    Args:
        current: The preferences as the API returns them.
    """

    def __init__(self, current: Mapping[str, Any]) -> None:
        chosen = current["preferences"]
        self.categories = list(dict.fromkeys([*CATEGORIES, *(item["category"] for item in chosen)]))
        self.muted = {(item["category"], item["channel"]) for item in chosen if not item["enabled"]}
        self.quiet: dict[str, Any] = dict(current.get("quietHours") or {})
        self.errors: list[str] = []

    def read(self, submitted: Mapping[str, str]) -> None:
        """Read the submitted grid."""
        cells = [(category, channel) for category in self.categories for channel in CHANNELS]
        self.muted = {(category, channel) for category, channel in cells if f"{category}:{channel}" not in submitted}
        names = ("start", "end", "timezone")
        self.quiet = {name: submitted[name] for name in names if submitted.get(name)}

    def body(self) -> dict[str, Any]:
        """The preferences as the API expects them."""
        muted = sorted(self.muted)
        preferences = [{"category": category, "channel": channel, "enabled": False} for category, channel in muted]
        return {"preferences": preferences, "quietHours": self.quiet or None}
