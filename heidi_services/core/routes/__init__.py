"""The HTTP routes of core."""

from heidi_services.core.routes import event_types, events, graphql, operation_types, operations, overview
from heidi_services.core.routes.blueprint import blp

MODULES = (overview, events, event_types, operations, operation_types, graphql)
"""Importing them adds their endpoints to the blueprint."""

blueprints = (blp,)
