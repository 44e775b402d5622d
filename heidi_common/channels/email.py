"""EMAIL: e-mail to the address of the account."""

from datetime import timedelta

from heidi_common.channels.base import ChannelDeclaration, RetryPolicy
from heidi_common.identity.emails import normalize_email

CHANNEL = ChannelDeclaration(
    name="EMAIL",
    titles={"en": "e-mail", "de": "E-Mail"},
    default_providers=("smtp",),
    defaults_in_production=True,
    # RFC 5321, section 4.5.4.1, asks for four to five days; after three the text is seldom of use.
    retry=RetryPolicy(5, 2 * 3600, timedelta(hours=72)),
    address_field="email",
    parse_address=normalize_email,
    has_html=True,
    has_unsubscribe_link=True,
)
