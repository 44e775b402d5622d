"""The HTTP routes of core."""

from heidi_services.core.routes import (
    documents,
    event_replays,
    event_types,
    events,
    graphql,
    operation_types,
    operations,
    overview,
    sdk,
)
from heidi_services.core.routes.blueprint import blp

MODULES = (overview, events, event_replays, event_types, operations, operation_types, graphql, documents, sdk)
"""Importing them adds their endpoints to the blueprint."""

blueprints = (blp,)
