"""Background processes, and the only package that uses Dramatiq: the actors, the relay (outbox -> broker) and the clock
(due rows -> broker).

PostgreSQL is the source of truth, and messages only wake workers up. If the broker loses all its messages, work is
delayed until the clock finds the due rows; nothing else is lost.
"""
