"""HTTP routes of the city service. Reads are public and cacheable; changes require a role."""

from heidi_services.city.routes import changes, imports, nearby, reading, search
from heidi_services.city.routes.blueprint import blp

assert all((changes, imports, nearby, reading, search))  # importing them registers their routes
blueprints = (blp,)
