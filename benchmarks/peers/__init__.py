"""Well-known job queues, schedulers and mail libraries that do the same work on the same servers, for comparison.

Each peer is a script with an environment of its own (`.venv-peers`, `benchmarks/peers/node_modules`), installed when it
is first needed. A peer that cannot be installed is skipped with a reason.
"""
