"""SMS: text messages to the phone number of the account."""

import re
from datetime import timedelta

from heidi_common.channels.base import ChannelDeclaration, RecipientLimit, RetryPolicy
from heidi_common.schemas.phone_numbers import E164

_IN_PHONE_NUMBERS = re.compile(r"[\s().-]")


def parse_phone_number(address: str) -> str:
    """Return a phone number in E.164 form, without the spaces and punctuation in it.

    Raises:
        ValueError: It is not a phone number in E.164 form.
    """
    number = _IN_PHONE_NUMBERS.sub("", address)
    if not E164.fullmatch(number):
        raise ValueError("Must be a phone number in E.164 form, such as +4915112345678.")
    return number


CHANNEL = ChannelDeclaration(
    name="SMS",
    titles={"en": "text message", "de": "SMS"},
    default_providers=("simulated",),
    retry=RetryPolicy(5, 1800, timedelta(hours=24)),
    address_field="phone",
    parse_address=parse_phone_number,
    recipient_limit=RecipientLimit(burst=5, refill_seconds=60),
)
