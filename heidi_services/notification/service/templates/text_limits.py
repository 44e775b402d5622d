"""How long a text may be on its channel, measured as it is transmitted.

Text messages and e-mails that are longer are rejected, because what is missing could change their meaning. Push
messages are shortened by their sender (`channels/push_text.py`).
"""

from __future__ import annotations

from heidi_common.channels.registry import CHANNELS
from heidi_services.notification.channels.mime import encoded_bytes
from heidi_services.notification.channels.sms_segments import MAX_SEGMENTS, segmentation
from heidi_services.notification.enums import Channel

MAX_EMAIL_BYTES = 2_000_000
"""Of the text and the HTML part after encoding. Mail servers accept 10 MB and more, but phones load these slowly."""
_ALWAYS_FITS = 50_000
"""Characters that are never longer than MAX_EMAIL_BYTES, whatever their encoding."""


class TextTooLong(ValueError):
    """The text is longer than its channel transmits. The message says by how much."""


def check_length(channel: str, text: str, html: str | None = None) -> None:
    """Check the text of a message.

    Raises:
        TextTooLong: It is longer than the channel allows.
    """
    most = CHANNELS[channel].max_characters
    if most is not None and len(text) > most:
        raise TextTooLong(f"A message of {channel} must have at most {most} characters, but has {len(text)}.")
    if channel == Channel.SMS:
        _check_sms(text)
    if channel == Channel.EMAIL and len(text) + len(html or text) > _ALWAYS_FITS:
        size = encoded_bytes(text, html or "")
        if size > MAX_EMAIL_BYTES:
            raise TextTooLong(f"An e-mail must have at most {MAX_EMAIL_BYTES} bytes after encoding, but has {size}.")


def _check_sms(text: str) -> None:
    division = segmentation(text)
    if division.segments > MAX_SEGMENTS:
        raise TextTooLong(
            f"A text message must have at most {MAX_SEGMENTS} segments ({division.most_units} units of "
            f"{division.encoding}), but has {division.segments} ({division.units} units)."
        )
