"""@heidi/jwt: signed tokens (EdDSA), the keys behind them, and the guards of routes.

guards: `@public`, `@authenticated`, `@guard(Role.ADMIN, scopes=(...))`; `caller()` is the user or client that calls.
authentication: from the Authorization header to a caller whose session has not ended.
tokens: sign and verify a token. Only the auth service can sign.
keys: the key sets, read from a file, a URL or the environment, and read again when they rotate.
"""
