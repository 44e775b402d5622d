"""Recipients: their preferences and devices, and addresses that receive nothing.

preferences: channels, types and quiet hours that a user has chosen; devices: where pushes are sent; suppressions:
addresses that bounced, complained or unsubscribed; unsubscribe: the link in an e-mail.
"""
