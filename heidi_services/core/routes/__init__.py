"""The HTTP routes of core."""

from heidi_services.core.routes import events, graphql, operation_types, operations, overview
from heidi_services.core.routes.blueprint import blp

MODULES = (overview, events, operations, operation_types, graphql)
"""Importing them adds their endpoints to the blueprint."""

blueprints = (blp,)
