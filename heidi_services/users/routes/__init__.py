"""The HTTP endpoints of users, one module for each group."""

from heidi_services.users.routes import accounts, imports, support

blueprints = (accounts.blp, imports.blp, support.blp)
