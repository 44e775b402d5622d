"""A channel that the platform does not have: everything about it is declared in this file."""

from datetime import timedelta

from heidi_common.channels.base import ChannelDeclaration, RecipientLimit, RetryPolicy
from heidi_common.channels.sms import parse_phone_number

CHANNEL = ChannelDeclaration(
    name="WHATSAPP",
    titles={"en": "WhatsApp message", "de": "WhatsApp-Nachricht"},
    default_providers=("pigeon",),
    retry=RetryPolicy(10, 600, timedelta(hours=6)),
    address_field="phone",
    parse_address=parse_phone_number,
    max_characters=40,
    recipient_limit=RecipientLimit(burst=100, refill_seconds=1),
)
