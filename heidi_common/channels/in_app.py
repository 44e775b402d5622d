"""IN_APP: messages that the user sees in the app, in a list and a stream."""

from heidi_common.channels.base import ChannelDeclaration

CHANNEL = ChannelDeclaration(name="IN_APP", titles={"en": "in-app message", "de": "In-App-Nachricht"})
