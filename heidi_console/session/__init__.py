"""Sessions of browsers. The cookie holds a random ID; everything else is encrypted in Redis.

cookie.py: the cookie, and Flask's `session`. store.py: Redis. signed_in.py: the tokens and the signed-in user.
"""
