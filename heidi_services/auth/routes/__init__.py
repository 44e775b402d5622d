"""The HTTP doors of auth, one file for each matter."""

from heidi_services.auth.routes import clients, keys, mfa, pages, password, sessions, sign_in, trail

blueprints = (sign_in.blp, sessions.blp, password.blp, mfa.blp, clients.blp, trail.blp, keys.blp, pages.blp)
