"""Where a request comes from."""

from __future__ import annotations

from flask import request

from heidi_services.auth.service.session_start import SessionDevice

MAX_USER_AGENT = 300


def current_device(label: str | None = None) -> SessionDevice:
    """Read the device of the current request: the client's address behind the router, and a printable user agent."""
    header = request.headers.get("User-Agent", "")[:MAX_USER_AGENT]
    ascii_text = header.encode("ascii", "backslashreplace").decode()
    user_agent = "".join(character for character in ascii_text if character.isprintable())
    return SessionDevice(request.remote_addr or "", user_agent or None, label)
