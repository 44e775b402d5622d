"""The use cases of the integration service, one module for each.

The walk of a webhook, from top to bottom:

1. `routes/webhooks.py` reads the raw request.
2. `receiving.webhook_receiver.receive_webhook` verifies it (`providers/inbound.py`, then the provider's module);
   `received_events.store_events` stores its events and emits `integration.webhook` for each new one.
3. The relay asks `deliveries.forwarding.filter_forwardable`; the subscriber calls `forwarding.forward_event`, which
   creates a delivery for each integration that subscribes to the event.
4. `delivery_worker.deliver` claims the delivery (`delivery_claim`); `webhook_client.send_webhook` signs it
   (`webhook_signing.py`) and sends it.
5. `delivery_results.record_attempt` records the result and, after a failure, when to retry (`retry_policy`).
   `endpoint_health` disables an endpoint that has failed for five days (`deactivation`).
6. The clock finds deliveries that are due again with `delivery_worker.overdue`, and the walk continues at step 4.
"""
