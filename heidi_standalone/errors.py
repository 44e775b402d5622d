"""The error of a platform that cannot start."""


class StartupError(Exception):
    """One line for the user: what is wrong, and what to do about it."""
