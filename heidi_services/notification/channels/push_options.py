"""The options of a push message: what an app gets besides the text, and how a push service handles the message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from heidi_common.crypto import base64url

MAX_OPTION_BYTES = 2000
"""Of all options as `PushOptions.size` counts them. The text of the message gets the rest."""
MAX_TTL_SECONDS = 28 * 24 * 3600
"""FCM and Web Push keep no message longer than four weeks."""
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """Options of a push message.

    Attributes:
        data: Values for the app.
        url: What is opened by a click; empty: the app decides.
        image: The URL of an image; empty: none.
        actions: Buttons: `action`, `title`, and optionally `url` and `icon`.
        ttl: Seconds for which push services keep the message while a device is not connected; None: as usual.
        collapse_key: A later message with the same key replaces this one; empty: none does.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    image: str = ""
    actions: Sequence[Mapping[str, str]] = ()
    ttl: int | None = None
    collapse_key: str = ""

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> PushOptions:
        """The options as a row stores them."""
        values = stored or {}
        return cls(
            values.get("data") or {},
            values.get("url") or "",
            values.get("image") or "",
            values.get("actions") or (),
            values.get("ttl"),
            values.get("collapseKey") or "",
        )

    @property
    def size(self) -> int:
        """The bytes that the options take in a message at most. FCM needs some of them twice."""
        once = [self.data] if self.data else []
        twice = [value for value in (self.url, self.image, self.actions) if value]
        return sum(len(orjson.dumps(value)) + 20 for value in (*once, *twice, *twice))

    def lifetime(self, seconds_left: int | None, default: int | None = None) -> int | None:
        """Seconds for which push services keep the message: `ttl`, but not longer than until it expires."""
        given = [value for value in (self.ttl, seconds_left) if value is not None]
        if given:
            return min(*given, MAX_TTL_SECONDS)
        return default

    def replacement_key(self, message_id: UUID) -> str:
        """The key under which devices replace a message: a repeated one at least."""
        return self.collapse_key or message_id.hex

    def topic(self, message_id: UUID) -> str:
        """The same as a `Topic` of Web Push: at most 32 characters of base64url (RFC 8030, section 5.4)."""
        key = self.replacement_key(message_id)
        return key if _TOPIC.fullmatch(key) else base64url.encode(hashlib.sha256(key.encode()).digest())[:32]


DEFAULT_PUSH_OPTIONS = PushOptions()
