"""Parsers of environment variables: from the text of a variable to its value.

A parser raises ValueError for an invalid text. The message follows the name of the variable: "needs 32 characters".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import parse_qs, urlsplit

Network = IPv4Network | IPv6Network

SECRET_LENGTH = 32
_HOST_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
KEY_BYTES = 32


def natural(raw: str) -> int:
    """A whole number, 0 or more."""
    if not (raw.isascii() and raw.isdigit()):
        raise ValueError(f"{raw!r} is not a whole number")
    return int(raw)


def positive(raw: str) -> int:
    """A whole number, 1 or more."""
    number = natural(raw)
    if number == 0:
        raise ValueError("must be at least 1")
    return number


def words(raw: str) -> tuple[str, ...]:
    """A list separated by commas."""
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def host_ports(raw: str) -> str:
    """Servers, `host:port`, separated by commas."""
    for server in words(raw) or ("",):
        match = _HOST_PORT.fullmatch(server)
        if not match or not 0 < int(match["port"]) < 65536:
            raise ValueError(f"{server!r} is not `host:port`, such as `kafka:9092`")
    return ",".join(words(raw))


def one_of(*choices: str) -> Callable[[str], str]:
    """Create a parser that accepts one of these values."""

    def parse(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"{raw!r} is not one of {', '.join(choices)}")
        return raw

    return parse


def one_of_any_case(*choices: str) -> Callable[[str], str]:
    """Create a parser that accepts one of these values in upper and lower case, and returns it as it is listed."""
    by_lower_case = {choice.lower(): choice for choice in choices}
    parse = one_of(*choices)

    def parse_any_case(raw: str) -> str:
        return parse(by_lower_case.get(raw.lower(), raw))

    return parse_any_case


def some_of(*choices: str) -> Callable[[str], tuple[str, ...]]:
    """Create a parser of a list of these values, separated by commas. Their order is significant."""
    parse = one_of(*choices)

    def parse_all(raw: str) -> tuple[str, ...]:
        return tuple(parse(word) for word in words(raw))

    return parse_all


def url(*schemes: str) -> Callable[[str], str]:
    """Create a parser of a URL with one of these schemes."""

    def parse(raw: str) -> str:
        if urlsplit(raw).scheme not in schemes:
            raise ValueError(f"the URL must begin with {' or '.join(scheme + '://' for scheme in schemes)}")
        return raw

    return parse


def smtp_url(raw: str) -> str:
    """The URL of an SMTP server; `?starttls=` may be auto, required or never."""
    parts = urlsplit(url("smtp", "smtps")(raw))
    if not parts.hostname:
        raise ValueError("the URL must contain the name of the server")
    starttls = parse_qs(parts.query, keep_blank_values=True).get("starttls", ["auto"])
    if starttls not in (["auto"], ["required"], ["never"]):
        raise ValueError("the URL may end with ?starttls=auto, ?starttls=required or ?starttls=never")
    _ = parts.port  # raises ValueError
    return raw


def host_and_port(raw: str) -> str:
    """An IP address and a port, `192.0.2.53:53` or `[2001:db8::53]:53`; empty: none."""
    if raw:
        host, _, port = raw.rpartition(":")
        ip_address(host.strip("[]"))
        if not 0 < int(port) < 65536:
            raise ValueError("the port must be a number from 1 to 65535")
    return raw


def base_url(raw: str) -> str:
    """An HTTP URL to which paths are appended. A trailing slash is removed."""
    return url("http", "https")(raw).rstrip("/")


def postgres_url(raw: str) -> str:
    """The URL of a database. It names the driver, since SQLAlchemy 2.1 maps postgresql:// to psycopg 3."""
    scheme, separator, rest = raw.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+psycopg2"):
        raise ValueError("the URL must begin with postgresql://")
    return f"postgresql+psycopg2://{rest}"


def random_secret(raw: str) -> str:
    """A secret of at least 32 characters that is not a placeholder such as `change-me`."""
    if len(raw) < SECRET_LENGTH:
        raise ValueError(f"needs {SECRET_LENGTH} characters or more, from a random source")
    if len(set(raw)) < 8 or "change" in raw.lower():
        raise ValueError("looks like a placeholder, not like a random secret")
    return raw


def encryption_keys(raw: str) -> tuple[str, ...]:
    """Keys of 32 bytes in base64, separated by commas."""
    keys = words(raw)
    for number, key in enumerate(keys, 1):
        try:
            size = len(base64.b64decode(key, validate=True))
        except binascii.Error:
            raise ValueError(f"key {number} is not base64") from None
        if size != KEY_BYTES:
            raise ValueError(f"key {number} has {size} bytes instead of {KEY_BYTES}")
    return keys


def networks(raw: str) -> tuple[Network, ...]:
    """IP networks in CIDR notation, separated by commas."""
    return tuple(ip_network(part) for part in words(raw))


def rates(raw: str) -> Mapping[str, float]:
    """Messages per second by provider: `twilio=10,sendgrid=100`."""
    by_provider = dict(_rate(word) for word in words(raw))
    if any(rate <= 0 for rate in by_provider.values()):
        raise ValueError("a rate must be more than 0")
    return by_provider


def _rate(word: str) -> tuple[str, float]:
    name, _, rate = word.partition("=")
    try:
        return name, float(rate)
    except ValueError:
        raise ValueError(f"{word!r} must be a provider and its messages per second, for example twilio=10") from None


def vapid_key(raw: str) -> str:
    """A raw P-256 private key in base64url, as `flask keys vapid` prints it."""
    try:
        is_key = len(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))) == 32
    except ValueError:
        is_key = False
    if not is_key:
        raise ValueError("must be 32 bytes in base64url; `flask keys vapid` generates a key")
    return raw
