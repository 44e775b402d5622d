"""Where a request comes from."""

from __future__ import annotations

from flask import request

from heidi_services.auth.service.sessions import Device


def device(label: str | None = None) -> Device:
    """The address is what our router saw; the user agent is cut to what a list can show."""
    agent = request.headers.get("User-Agent", "")[:300].encode("ascii", "backslashreplace").decode()
    return Device(request.remote_addr or "", "".join(c for c in agent if c.isprintable()) or None, label)
