"""The blueprint of all routes of the city service."""

from heidi_common.interceptors.transform import Blueprint

blp = Blueprint("cities", __name__, description="Cities. Data: GeoNames (geonames.org), CC BY 4.0.")
