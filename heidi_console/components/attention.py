"""What the home page derives from the overview of core: what needs attention, and the figures of each area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for

from heidi_console.translations import translate, translate_count

Overview = Mapping[str, Any]


@dataclass(frozen=True)
class AttentionLink:
    """Something to fix: a sentence, and the page where it can be fixed."""

    text: str
    url: str


@dataclass(frozen=True)
class Tile:
    """The figures of an area: pairs of label and number."""

    title: str
    figures: list[tuple[str, Any]]


def needs_attention(overview: Overview) -> list[AttentionLink]:
    """List what an operator should look at.

    Args:
        overview: The overview of core; empty if it is unavailable.
    """
    items = []
    if failed := _count(overview, "notifications", "failedLastDay"):
        text = translate_count(
            "%(num)s message failed in the last 24 hours", "%(num)s messages failed in the last 24 hours", failed
        )
        items.append(AttentionLink(text, url_for("messages.list", status="FAILED")))
    if dead := _count(overview, "events", "dead"):
        text = translate_count("%(num)s dead letter", "%(num)s dead letters", dead)
        items.append(AttentionLink(text, _page("events.list_dead")))
    return items


def tiles(overview: Overview) -> list[Tile]:
    """The figures of the areas that the overview has."""
    day = translate("last 24 hours")
    labels = {
        "notifications": (
            translate("Messages"),
            {"sentLastDay": translate("Sent"), "failedLastDay": translate("Failed")},
        ),
        "events": (translate("Events"), {"lastHour": translate("Last hour"), "waiting": translate("Waiting")}),
        "schedules": (translate("Schedules"), {"total": translate("All"), "enabled": translate("Enabled")}),
        "integrations": (translate("Webhooks"), {"total": translate("All"), "active": translate("Active")}),
        "users": (translate("People"), {"total": translate("All"), "active": translate("Active")}),
        "cities": (translate("Places"), {"active": translate("Active"), "inactive": translate("Inactive")}),
    }
    return [
        Tile(title if name != "notifications" else f"{title} ({day})", _figures(overview[name], names))
        for name, (title, names) in labels.items()
        if overview.get(name)
    ]


def _figures(counts: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, Any]]:
    return [(label, counts[name]) for name, label in names.items() if name in counts]


def _count(overview: Overview, part: str, name: str) -> int:
    return int((overview.get(part) or {}).get(name) or 0)


def _page(endpoint: str) -> str:
    """The URL of a page; that of the messages as long as the console has no such page."""
    return url_for(endpoint if endpoint in current_app.view_functions else "messages.list")
