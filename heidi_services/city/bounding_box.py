"""Boxes of latitudes and longitudes, also across the date line."""

from __future__ import annotations

from math import floor
from typing import NamedTuple

from heidi_services.city.geo import Vector, unit_vector

_MARGIN = 1e-9
"""Added to the cube, because the coordinates of its corners are rounded."""


class BoundingBox(NamedTuple):
    """A box in degrees. It crosses the date line if `west` is greater than `east`.

    Source of the order: GeoJSON, RFC 7946, section 5.
    """

    west: float
    south: float
    east: float
    north: float

    def cube(self) -> str:
        """Return the smallest cube, as PostgreSQL writes it, that contains the box on the unit sphere."""
        corners = [unit_vector(latitude, longitude) for latitude in self._latitudes() for longitude in self._turns()]
        return f"{_text(corners, min, -_MARGIN)},{_text(corners, max, _MARGIN)}"

    def _latitudes(self) -> list[float]:
        """The latitudes at which a coordinate can be extreme: the edges, and the equator if it is inside."""
        return [self.south, self.north, *([0.0] if self.south < 0 < self.north else [])]

    def _turns(self) -> list[float]:
        """The longitudes at which a coordinate can be extreme: the edges, and the multiples of 90° between them."""
        east = self.east + 360 if self.west > self.east else self.east
        quarters = range(floor(self.west / 90) + 1, floor(east / 90) + 1)
        return [self.west, east, *(90.0 * quarter for quarter in quarters)]


def _text(corners: list[Vector], extreme: object, margin: float) -> str:
    assert callable(extreme)
    return "(" + ",".join(repr(extreme(axis) + margin) for axis in zip(*corners, strict=True)) + ")"
