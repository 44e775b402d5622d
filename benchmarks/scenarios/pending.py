"""Waits for the platform to be idle between measurements."""

from __future__ import annotations

from benchmarks.platform_under_test import Platform, wait_until

PENDING = "SELECT EXISTS (SELECT FROM notifications WHERE status = 'PENDING')"
UNSENT = "SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"
UNHANDLED = "SELECT EXISTS (SELECT FROM inbox WHERE status = 'pending')"
TIMEOUT_SECONDS = 120


def wait_until_idle(platform: Platform) -> None:
    """Wait until no notification is pending and no event is unsent or waits for its subscriber."""
    wait_until(lambda: not platform.scalar(PENDING), TIMEOUT_SECONDS)
    wait_until(lambda: not platform.scalar(UNSENT), TIMEOUT_SECONDS)
    wait_until(lambda: not platform.scalar(UNHANDLED), TIMEOUT_SECONDS)


def delete_pending(platform: Platform) -> None:
    """Delete pending notifications, which would otherwise be delivered during the next measurement."""
    platform.query("DELETE FROM notifications WHERE status = 'PENDING'")
    wait_until_idle(platform)
