"""The HTTP endpoints of auth, one module for each group."""

from heidi_services.auth.routes import audit, clients, email, jwks, mfa, pages, password, sessions, sign_in

blueprints = (sign_in.blp, sessions.blp, password.blp, email.blp, mfa.blp, clients.blp, audit.blp, jwks.blp, pages.blp)
