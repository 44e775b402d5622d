"""Incoming webhooks: verified, stored once, and passed on as events.

webhook_receiver: verify a request and store its events; received_events: store, list and replay them; repetitions:
events without an ID that arrive again; event_pull: events that the receiver missed, pulled from the provider's API.
"""
