"""@heidi/jwt: signed tokens (EdDSA), the keys behind them, and the guards of routes.

guards: `@public`, `@authenticated`, `@guard(Role.ADMIN, scopes=(...))`; `caller()` is the user or client that calls.
authentication: from the Authorization header to a caller whose session has not ended.
tokens: sign and verify a token. Only the auth service can sign.
keys: the public keys, read from JSON, a file or a URL, and read again when they rotate. signing_keys: the private ones.
data_subject: whose data is read, where an ADMIN may name another user.
key_source: where keys are read from. reauthentication: actions that need a recent sign-in.
"""
