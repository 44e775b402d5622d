"""The status of a monitor as an SVG image, in the form of the badges of code hosts."""

from __future__ import annotations

from markupsafe import escape

from heidi_services.scheduler.enums import MonitorStatus

COLORS = {
    MonitorStatus.NEW: "#666",
    MonitorStatus.UP: "#2e7d32",
    MonitorStatus.LATE: "#a15c00",
    MonitorStatus.DOWN: "#c62828",
    MonitorStatus.PAUSED: "#666",
}
"""White text on each has a contrast of at least 4.5:1."""
LONGEST_NAME = 60
CHARACTER_WIDTH, PADDING = 7, 10
"""In pixels. `textLength` fits the text into its part, whatever the font."""
TEMPLATE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{name}: {status}">'
    "<title>{name}: {status}</title>"
    '<rect width="{name_width}" height="20" fill="#444"/>'
    '<rect x="{name_width}" width="{status_width}" height="20" fill="{color}"/>'
    '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
    '<text x="{name_x}" y="14" textLength="{name_length}">{name}</text>'
    '<text x="{status_x}" y="14" textLength="{status_length}">{status}</text></g></svg>'
)


def draw_badge(name: str, status: MonitorStatus) -> str:
    """Draw a badge.

    Args:
        name: The name of the monitor. A long one is shortened.
        status: Its status.
    """
    printable = "".join(character for character in " ".join(name.split()) if character.isprintable()) or "monitor"
    label = printable if len(printable) <= LONGEST_NAME else printable[: LONGEST_NAME - 1] + "…"
    name_length, status_length = len(label) * CHARACTER_WIDTH, len(status) * CHARACTER_WIDTH
    name_width, status_width = name_length + 2 * PADDING, status_length + 2 * PADDING
    return TEMPLATE.format(
        width=name_width + status_width,
        name=escape(label),
        status=status.lower(),
        color=COLORS[status],
        name_width=name_width,
        status_width=status_width,
        name_length=name_length,
        status_length=status_length,
        name_x=name_width // 2,
        status_x=name_width + status_width // 2,
    )
