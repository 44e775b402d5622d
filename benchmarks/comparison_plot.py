"""Heidi and its peers as a bar chart in SVG: one block of bars for each comparison, each with its own scale."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.measurements import HEIDI, Figure, Line

WIDTH, LEFT, RIGHT, BAR, GAP, BLOCK = 900, 220, 120, 18, 6, 34
OWN, PEER = "#2f7d4f", "#8a8f98"


def svg(lines: Sequence[Line]) -> str:
    """Draw all comparisons with at least two contenders."""
    body: list[str] = []
    y = 12
    for contest, figures in contests(lines).items():
        body.append(f'<text x="12" y="{y + 14}" font-weight="bold">{escape(contest)}</text>')
        y += 24
        longest = max(figure.value for figure in figures)
        for figure in figures:
            body.append(_bar(figure, y, longest))
            y += BAR + GAP
        y += BLOCK - GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="13">', '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>\n"])


def contests(lines: Sequence[Line]) -> dict[str, list[Figure]]:
    """Return the figures of each comparison, the best first."""
    by_contest: dict[str, list[Figure]] = {}
    for figure in (line.figure for line in lines):
        if figure.contest and figure.value:
            by_contest.setdefault(figure.contest, []).append(figure)
    return {name: _best_first(figures) for name, figures in by_contest.items() if len(figures) > 1}


def _best_first(figures: list[Figure]) -> list[Figure]:
    return sorted(figures, key=lambda figure: figure.value, reverse=figures[0].unit != "s")


def _bar(figure: Figure, y: int, longest: float) -> str:
    width = figure.value / longest * (WIDTH - LEFT - RIGHT)
    color = OWN if figure.contender.startswith(HEIDI) else PEER
    digits = 0 if figure.value >= 100 else 1
    label = f"{figure.value:,.{digits}f}{' s' if figure.unit == 's' else '/s'}"
    return (
        f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(figure.contender)}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>'
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 14}">{label}</text>'
    )
