"""The delivery of messages, from the claim by a worker to the recorded result.

delivery: one message, in the steps claim, decide, send and record; batch_delivery: many in-app messages together.
claim: the statement that claims a row and reads what its delivery needs, and the one that extends the claim while a
provider is slow. delivery_decision: whether, when and to whom, with delivery_policy (preferences, quiet hours) and
send_limits.
provider_calls: the call of a sender; circuit_breaker: providers that are down are not called. delivery_results: the
result and what follows from it, stored by delivery_statements; retry_policy: when the next attempt is due;
retry_progress: what earlier attempts have achieved; manual_retry: retries by hand.
"""
