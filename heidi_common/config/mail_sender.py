"""The sender of e-mails: MAIL_FROM, an address with or without a display name."""

from __future__ import annotations

import re
from typing import NamedTuple

_WITH_NAME = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")
_ADDRESS = re.compile(r"[^\s@<>()\[\]:;,\"\\]+@[^\s@<>()\[\]:;,\"\\]+")
_QUOTED = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"')


class MailSender(NamedTuple):
    """A display name, which may be empty, and an address."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def split_sender(text: str) -> MailSender:
    """Split `Acme, Inc. <no-reply@example.org>` or `no-reply@example.org`.

    The name may contain commas and other characters that mail programs would require to be quoted.

    Raises:
        ValueError: The text contains no e-mail address, or more than one, or control characters.
    """
    match = _WITH_NAME.fullmatch(text.strip())
    name, address = (match["name"].strip(), match["address"].strip()) if match else ("", text.strip())
    if quoted := _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted["text"])
    if not _ADDRESS.fullmatch(address) or not f"{name}{address}".isprintable():
        raise ValueError("must be an address, or a name and an address: Acme, Inc. <no-reply@example.org>")
    return MailSender(name, address)


def mail_sender(raw: str) -> str:
    """An e-mail address, with or without a display name."""
    split_sender(raw)
    return raw
