"""The `flask cities` group."""

from flask.cli import AppGroup

cities = AppGroup("cities", help="Cities: import, nearby, search, stats. Data: GeoNames (geonames.org), CC BY 4.0.")
