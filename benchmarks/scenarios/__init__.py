"""The scenarios by name, in the order in which they are measured. Each yields one or more rows of the table."""

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.measurements import Figure
from benchmarks.scenarios import cities, mail, relay, running, schedules, sign_in, users

SCENARIOS: dict[str, Callable[[Bench], list[Figure]]] = {
    "start": running.start,
    "memory": running.memory,
    "city-database": cities.from_database,
    "city-cache": cities.from_cache,
    "city-hot": cities.hot,
    "nearby": cities.nearby,
    "users": users.pages,
    "user": users.single,
    "validate": sign_in.validate,
    "sign-in": sign_in.sign_in,
    "mail-idle": mail.idle,
    "mail": mail.sustained,
    "notify": mail.queue,
    "relay": relay.relay,
    "schedules": schedules.schedules,
    "nearby-large": cities.nearby_large,
}
