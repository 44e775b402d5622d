"""The HTTP endpoints of users, one module for each group."""

from heidi_services.users.routes import accounts, exports, imports, support

blueprints = (accounts.blp, exports.blp, imports.blp, support.blp)
