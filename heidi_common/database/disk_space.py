"""Reject the changes of requests while the disk of the database is full."""

from __future__ import annotations

from flask import has_request_context, request

from heidi_common.config.settings import Settings
from heidi_common.problems import InsufficientStorage
from heidi_common.runtime import per_app
from heidi_common.server.disk_guard import DiskGuard

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@per_app
def disk_guard(settings: Settings) -> DiskGuard:
    """The guard of the app's disk."""
    return DiskGuard(settings.data_folder)


def require_disk_space() -> None:
    """Call this before a transaction that changes something.

    Requests that read may write a little beside, such as an audit row; background processes ask the guard before they
    take on work, so that they can record the result of work that they have begun.

    Raises:
        InsufficientStorage: The request is to change something, and the disk is full.
    """
    if has_request_context() and request.method not in SAFE_METHODS and disk_guard().is_full:
        raise disk_full()


def disk_full() -> InsufficientStorage:
    """The error of a change that the disk has no space for."""
    return InsufficientStorage(
        "The disk of the server is full. Nothing was changed. Try again when space has been freed.", retry_after=30
    )
