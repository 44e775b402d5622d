"""The DNS records that prove a domain, and looking them up.

Sources: RFC 6376 (DKIM), section 3.6; RFC 7489 (DMARC), section 6.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

import dns.exception
import dns.resolver
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from heidi_common.problems import Unavailable
from heidi_common.runtime import current_settings

_SECONDS = 10.0
_MAX_STRING = 255


class DnsUnavailable(Unavailable):
    """No name server responded. The text says why."""


@dataclass(frozen=True)
class TxtRecord:
    """A TXT record: its name and its text."""

    name: str
    text: str

    @property
    def zone_line(self) -> str:
        """The record as zone files write it, with strings of at most 255 characters."""
        parts = [self.text[start : start + _MAX_STRING] for start in range(0, len(self.text), _MAX_STRING)]
        strings = " ".join(f'"{part}"' for part in parts)
        return f"{self.name}. 3600 IN TXT ( {strings} )"


def dkim_record(domain: str, selector: str, private_key: bytes) -> TxtRecord:
    """The record that contains the public key of a domain."""
    public = load_pem_private_key(private_key, password=None).public_key()
    encoded = b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    return TxtRecord(f"{selector}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={encoded}")


def dmarc_record(domain: str) -> TxtRecord:
    """A DMARC policy that rejects nothing yet."""
    return TxtRecord(f"_dmarc.{domain}", "v=DMARC1; p=none")


def look_up(name: str) -> list[str]:
    """The texts of the TXT records of a name; none if it does not exist.

    Raises:
        DnsUnavailable: No name server responded.
    """
    try:
        records = _resolver().resolve(f"{name}.", "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise DnsUnavailable(f"The DNS could not be asked for {name} ({error}).") from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in records]


def contains_key(records: list[str], record: TxtRecord) -> bool:
    """Whether one of the records has the expected public key. Spaces and the order of tags do not matter."""
    return any(_tags(text).get("p") == _tags(record.text)["p"] for text in records)


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def _resolver() -> dns.resolver.Resolver:
    server = current_settings().dns_server
    resolver = dns.resolver.Resolver(configure=not server)
    if server:
        host, _, port = server.rpartition(":")
        resolver.nameservers, resolver.port = [host.strip("[]")], int(port)
    resolver.lifetime = _SECONDS
    return resolver
