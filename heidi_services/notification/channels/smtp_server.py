"""The SMTP server that SMTP_URL describes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The server of SMTP_URL.

    Attributes:
        starttls: `auto` (if the server offers it), `required` or `never`.
        helo_name: The name with which this client introduces itself; None: the name of its machine.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    starttls: str = "auto"
    helo_name: str | None = None

    @classmethod
    def from_url(cls, url: str, *, helo_name: str | None = None) -> SmtpServer:
        """Parse `smtp://user:password@host:587?starttls=required` or `smtps://...` (TLS from the first byte)."""
        parts = urlsplit(url)
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (465 if tls else 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            starttls=parse_qs(parts.query).get("starttls", ["auto"])[0],
            helo_name=helo_name,
        )
