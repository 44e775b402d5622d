"""Why the platform cannot run."""


class CannotRun(Exception):
    """One line for the user: what is wrong, and what to do about it."""
