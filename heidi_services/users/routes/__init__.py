"""The HTTP endpoints of users, one module for each group."""

from heidi_services.users.routes import accounts, support

blueprints = (accounts.blp, support.blp)
