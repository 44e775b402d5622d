"""Redis as a cache and for locks: the specification's library "redis".

`client` connects (`redis_client()` is the connection of the current app), `cache` stores values, sets and messages
that may get lost (`redis_cache()`), and `lock` has a lock with a lease and a fencing token. An unavailable Redis is a
cache miss, but a lock that cannot be acquired.
"""
