"""Enhanced mail system status codes (RFC 3463), read only where the formats put them.

Digits elsewhere in a reply may be an IP address, a version or a message's ID.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CODE = r"(?P<kind>[245])\.(?P<subject>\d{1,3})\.(?P<detail>\d{1,3})"
_REPLY_TEXT = re.compile(rf"#?{_CODE}(?=[\s:;,]|\Z)")
_REPLY = re.compile(r"(?P<code>[245]\d\d)[ -](?P<text>.*)", re.DOTALL)
_FIELD = re.compile(rf"\s*{_CODE}\s*(\(.*\))?\s*", re.DOTALL)

_BAD_ADDRESS = frozenset({1, 2, 3, 6, 10})
"""Unknown mailbox or domain, invalid syntax, moved without a new address, a domain that receives no mail."""


class EnhancedStatus(NamedTuple):
    """A status such as 5.1.1: its class, subject and detail."""

    kind: int
    subject: int
    detail: int

    @property
    def is_bad_address(self) -> bool:
        """Whether the recipient's address does not exist."""
        return self.kind == 5 and self.subject == 1 and self.detail in _BAD_ADDRESS

    @property
    def may_end_address(self) -> bool:
        """Whether a provider's hard bounce can concern the address: not policy, a full mailbox or our own address."""
        return self.kind == 5 and (self.subject == 0 or (self.subject, self.detail) in _ABOUT_ADDRESS)


_ABOUT_ADDRESS = frozenset({(1, 0), *((1, detail) for detail in _BAD_ADDRESS), (2, 0), (2, 1)})


def status_of_text(code: int, text: str) -> EnhancedStatus | None:
    """Read the status at the start of the text of an SMTP reply, of the class of its code (RFC 2034, section 4)."""
    match = _REPLY_TEXT.match(text.lstrip())
    status = None if match is None else _status(match)
    return status if status is not None and status.kind == code // 100 else None


def status_of_reply(reply: str) -> EnhancedStatus | None:
    """Read the status of a whole SMTP reply, such as `550 5.1.1 User unknown`."""
    match = _REPLY.fullmatch(reply.strip())
    return None if match is None else status_of_text(int(match["code"]), match["text"])


def status_of_field(value: str) -> EnhancedStatus | None:
    """Read the field Status of a delivery report: a code and perhaps a comment (RFC 3464, section 2.3.4)."""
    match = _FIELD.fullmatch(value)
    return None if match is None else _status(match)


def _status(match: re.Match[str]) -> EnhancedStatus:
    return EnhancedStatus(int(match["kind"]), int(match["subject"]), int(match["detail"]))
