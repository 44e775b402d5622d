"""The only home of Dramatiq: actors, the relay (facts -> broker) and the clock (what is due -> broker).

PostgreSQL is the truth, a message is only a hint. A broker that forgets everything costs a delay, nothing else.
"""
