"""What the home page says: what needs attention, and the figures of each area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from heidi_console.translations import translate, translate_count
from heidi_console.translations.terms import term

Overview = Mapping[str, Any]
Problem = Mapping[str, Any]


@dataclass(frozen=True)
class AttentionLink:
    """Something to fix: a sentence, since when, and the page where it can be fixed."""

    text: str
    since: str | None
    url: str


@dataclass(frozen=True)
class Tile:
    """The figures of an area: pairs of label and number."""

    title: str
    figures: list[tuple[str, Any]]


def needs_attention(problems: Iterable[Problem]) -> list[AttentionLink]:
    """What an operator should look at, from the problems that core has collected."""
    return [
        AttentionLink(_sentence(problem), problem["since"], _LINKS[problem["kind"]](problem))
        for problem in problems
        if problem["kind"] in _LINKS
    ]


def _sentence(problem: Problem) -> str:
    count = problem["count"]
    texts: dict[str, Callable[[], str]] = {
        "failedMessages": lambda: translate_count(
            "%(num)s message failed in the last 24 hours", "%(num)s messages failed in the last 24 hours", count
        ),
        "deadLetters": lambda: translate_count("%(num)s dead letter", "%(num)s dead letters", count),
        "failingSchedules": lambda: translate_count(
            "The last run of %(num)s schedule failed", "The last runs of %(num)s schedules failed", count
        ),
        "downMonitors": lambda: translate_count("%(num)s monitor is down", "%(num)s monitors are down", count),
        "disabledEndpoints": lambda: translate_count(
            "%(num)s webhook was switched off", "%(num)s webhooks were switched off", count
        ),
        "failingEndpoints": lambda: translate_count(
            "%(num)s endpoint does not accept its deliveries", "%(num)s endpoints do not accept their deliveries", count
        ),
        "failedDeliveries": lambda: translate_count(
            "%(num)s delivery failed in the last 24 hours", "%(num)s deliveries failed in the last 24 hours", count
        ),
        "failedOperations": lambda: translate_count(
            "%(num)s operation failed in the last 24 hours", "%(num)s operations failed in the last 24 hours", count
        ),
        "waitingWork": lambda: translate(
            "Work waits too long: %(kind)s (%(number)s)", kind=term(problem["subject"]), number=count
        ),
    }
    return texts[problem["kind"]]()


_LINKS: Mapping[str, Callable[[Problem], str]] = {
    "failedMessages": lambda _: url_for("messages.list", status="FAILED"),
    "deadLetters": lambda _: url_for("events.list_dead"),
    "failingSchedules": lambda _: url_for("schedules.list", isFailing="true", isEnabled="true"),
    "downMonitors": lambda _: url_for("monitors.list", status="DOWN"),
    "disabledEndpoints": lambda _: url_for("webhooks.list", isActive="false"),
    "failingEndpoints": lambda _: url_for("webhooks.list", isFailing="true"),
    "failedDeliveries": lambda _: url_for("webhooks.list_deliveries", status="FAILED"),
    "failedOperations": lambda _: url_for("operations.list"),
    "waitingWork": lambda problem: _work_url(problem["subject"]),
}
_WORK: Mapping[str, tuple[str, dict[str, str]]] = {
    "notifications": ("messages.list", {"status": "PENDING"}),
    "deliveries": ("webhooks.list_deliveries", {"status": "PENDING"}),
    "runs": ("runs.list", {"status": "QUEUED"}),
    "syncs": ("webhooks.list", {}),
    "operations": ("operations.list", {"status": "PENDING"}),
    "replays": ("events.list_replays", {"status": "PENDING"}),
    "imports": ("user_imports.list", {}),
    "exports": ("user_exports.list", {}),
}


def _work_url(kind: str) -> str:
    endpoint, query = _WORK.get(kind, ("events.list", {}))
    return url_for(endpoint, **query)  # type: ignore[arg-type]


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
