"""Outgoing webhooks: events that are delivered to the endpoints of integrations.

forwarding: create a delivery for each integration that subscribes to an event; delivery_claim and delivery_worker:
claim a delivery and send it; webhook_client: sign and send one request; delivery_results: the result, and by
retry_policy the time of the next attempt; delivery_recovery: deliveries whose message or worker was lost;
endpoint_health: endpoints that fail; failure_summary, deliveries: lists; manual_retry, event_replay: deliver again.
"""
