"""The HTTP routes of core."""

from heidi_services.core.routes import events, operations, overview
from heidi_services.core.routes.blueprint import blp

MODULES = (overview, events, operations)
"""Importing them adds their endpoints to the blueprint."""

blueprints = (blp,)
