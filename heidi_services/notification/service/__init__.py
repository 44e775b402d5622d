"""The use cases of the notification service. A message passes through these modules:

1. enqueue.py: one message is stored with the event `notification.queued`, whose message wakes a worker. bulk.py
   stores messages for many users; event_handlers.py those that other services request.
2. delivery/: a worker claims the message, decides (with preferences and suppressions of recipients/, and the text of
   templates/), sends it by a channel and records the result. After a failure it is retried, given up, or retried by
   hand.
3. receipts.py records what providers report later.
4. scheduled_tasks.py finds messages that are due and have no message on the way.
"""
