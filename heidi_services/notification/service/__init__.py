"""The use cases of the notification service. A message passes through these modules:

1. enqueue.py: one message is stored with the event `notification.queued`, whose message wakes a worker. bulk.py
   stores messages for many users; event_handlers.py those that other services request.
2. delivery.py (batch_delivery.py for many in-app messages): a worker claims the message (claim.py), decides
   (delivery_decision.py, with delivery_policy.py, send_limits.py and template_resolver.py) and sends it by a channel.
3. delivery_results.py records the result. After a failed delivery, retry_policy.py says when it is retried or given up;
   manual_retry.py retries by hand. receipts.py records what providers report later.
4. scheduled_tasks.py finds messages that are due and have no message on the way.
"""
