"""Places on a sphere of the earth's mean radius.

A place is a point on the unit sphere, and the straight chord between two such points grows with the
great-circle distance, so ordering by chord is exact at the poles and across the date line as well.
"""

from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the IUGG."""

MAX_RADIUS_KM = 20038.0
"""Half the equator: every place lies within it."""

Vector = tuple[float, float, float]


def unit_vector(latitude: float, longitude: float) -> Vector:
    """The place, in degrees, as a point on the unit sphere."""
    phi, lam = radians(latitude), radians(longitude)
    return cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi)


def wrapped(longitude: float) -> float:
    """180 and -180 are one meridian; it is stored as -180, so that one place has one name."""
    return -180.0 if longitude == 180.0 else longitude


def km_of_chord(chord: float) -> float:
    """Great-circle kilometres under a chord of the unit sphere (0 to 2)."""
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, chord / 2))


def chord_of_km(km: float) -> float:
    """The chord that spans so many great-circle kilometres; half the circumference and more give 2."""
    return 2 * sin(min(km / (2 * EARTH_RADIUS_KM), pi / 2))


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance by the haversine formula, which keeps its precision for near places."""
    dphi, dlam = radians(lat2 - lat1), radians(lon2 - lon1)
    a = sin(dphi / 2) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(dlam / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(a)))


def bearing(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Initial course from the first place to the second: degrees from north, clockwise, 0 to under 360."""
    phi1, phi2, dlam = radians(lat1), radians(lat2), radians(lon2 - lon1)
    east = sin(dlam) * cos(phi2)
    north = cos(phi1) * sin(phi2) - sin(phi1) * cos(phi2) * cos(dlam)
    return round(degrees(atan2(east, north)) % 360, 2) % 360.0
