"""Distances and bearings between points on a sphere with the earth's mean radius.

Each point is mapped to the unit sphere. The straight chord between two points grows with their great-circle
distance, so ordering by chord is exact, also at the poles and across the date line.
"""

from collections.abc import Iterable
from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the IUGG."""

MAX_RADIUS_KM = 20038.0
"""Half of the equator: every point on the earth is within this radius of every other."""

Vector = tuple[float, float, float]


def unit_vector(latitude: float, longitude: float) -> Vector:
    """Convert a point in degrees to a point on the unit sphere."""
    phi, lam = radians(latitude), radians(longitude)
    return cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi)


def normalize_longitude(longitude: float) -> float:
    """Return -180 for 180: both are the same meridian, and only one of them is stored."""
    return -180.0 if longitude == 180.0 else longitude


def km_of_chord(chord: float) -> float:
    """Convert a chord of the unit sphere (0 to 2) to the great-circle distance in kilometers."""
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, chord / 2))


def chord_of_km(km: float) -> float:
    """Convert a great-circle distance in kilometers to a chord; half of the circumference and more gives 2."""
    return 2 * sin(min(km / (2 * EARTH_RADIUS_KM), pi / 2))


def distances_and_bearings(
    latitude: float, longitude: float, places: Iterable[tuple[float, float, float]]
) -> list[tuple[float, float]]:
    """Calculate how far other places are from a point, and in which direction.

    Args:
        latitude: Of the point, in degrees.
        longitude: Of the point, in degrees.
        places: For each place the chord between it and the point, its latitude and its longitude.

    Returns:
        For each place the distance in kilometers, and the initial bearing as in `bearing`.
    """
    return [(km_of_chord(chord), bearing(latitude, longitude, lat, lon)) for chord, lat, lon in places]


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Calculate the great-circle distance in kilometers between two points in degrees.

    Source: the haversine formula, which is precise for short distances.
    """
    dphi, dlam = radians(lat2 - lat1), radians(lon2 - lon1)
    a = sin(dphi / 2) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(dlam / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(a)))


def bearing(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Calculate the initial bearing from the first point to the second.

    Returns:
        Degrees clockwise from north, from 0 to less than 360, with two decimals.
    """
    phi1, phi2, dlam = radians(lat1), radians(lat2), radians(lon2 - lon1)
    east = sin(dlam) * cos(phi2)
    north = cos(phi1) * sin(phi2) - sin(phi1) * cos(phi2) * cos(dlam)
    return round(degrees(atan2(east, north)) % 360, 2) % 360.0
