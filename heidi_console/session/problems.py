"""Why a session cannot be used."""


class SessionEnded(Exception):
    """The user is not signed in (any longer)."""


class SessionsUnavailable(Exception):
    """The sessions cannot be read, because Redis is unavailable."""
