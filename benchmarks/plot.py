"""The table as a bar chart in SVG: the share of its target that each figure reaches."""

from collections.abc import Sequence
from html import escape

from benchmarks.measurements import Line

WIDTH, LEFT, BAR, GAP = 900, 420, 16, 8
MAX_SHARE = 2.0
"""Longer bars are cut."""
REACHED, MISSED = "#2f7d4f", "#b5532a"


def svg(lines: Sequence[Line]) -> str:
    """Draw a bar for each figure that has a target; the dashed line is the target."""
    shares = [(line.figure.work, line.share) for line in lines if line.share is not None]
    height = 40 + len(shares) * (BAR + GAP)
    scale = (WIDTH - LEFT - 60) / MAX_SHARE
    target = LEFT + scale
    body = [_bar(number, work, share, scale) for number, (work, share) in enumerate(shares)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
            'font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            *body,
            f'<path d="M {target:.0f} 20 V {height - 10}" stroke="black" stroke-dasharray="3 3"/>',
            f'<text x="{target:.0f}" y="14" text-anchor="middle">target</text>',
            "</svg>\n",
        ]
    )


def _bar(number: int, work: str, share: float, scale: float) -> str:
    y = 24 + number * (BAR + GAP)
    width, color = min(share, MAX_SHARE) * scale, REACHED if share >= 1 else MISSED
    return (
        f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(work)}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>'
        f'<text x="{LEFT + width + 4:.1f}" y="{y + 12}">{share:.2f}</text>'
    )
