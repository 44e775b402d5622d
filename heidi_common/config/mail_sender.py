"""The sender of e-mails: MAIL_FROM, an address with or without a display name."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

import idna

_WITH_NAME = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")
_ADDRESS = re.compile(r"[^\s@<>()\[\]:;,\"\\]+@[^\s@<>()\[\]:;,\"\\]+")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MAX_DOMAIN = 253
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
    _require_domain(split_sender(raw).domain)
    return raw


def helo_name(raw: str) -> str:
    """The name with which a client introduces itself, in ASCII, or an address such as [192.0.2.1].

    Source: RFC 5321, section 4.1.1.1.
    """
    if raw.startswith("[") and raw.endswith("]"):
        ip_address(raw[1:-1].removeprefix("IPv6:"))
        return raw
    return _require_domain(raw) if raw else raw


def _require_domain(domain: str) -> str:
    """Return a domain in ASCII (IDNA 2008, UTS 46)."""
    try:
        name = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{domain} is not a valid international domain: {error}") from error
    if len(name) > _MAX_DOMAIN or not _DOMAIN.fullmatch(name):
        raise ValueError(f"{domain} is not the name of a domain or machine")
    return name
