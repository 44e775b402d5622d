"""The scenarios by name, in the order in which they are measured. Each yields one or more rows of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.measurements import Figure
from benchmarks.scenarios import (
    bulk_mail,
    cities,
    due_runs,
    events,
    files,
    import_urgent,
    in_app,
    mail,
    memory,
    places,
    reads,
    relay,
    running,
    scaling,
    schedules,
    sign_in,
    urgent,
    users,
)

RUNNING, CITIES, READS, USERS = "Start and memory", "Cities", "Reads beside a hand-written service", "Users and sign-in"
IN_APP, EMAIL, EVENTS, SCHEDULES = "In-app notifications", "E-mail", "Events", "Schedules"
SCALING, FILES = "Scaling", "Files"


@dataclass(frozen=True)
class Scenario:
    """A measurement.

    Attributes:
        group: The section of the report.
        measure: Does the work and returns its figures.
        uses_floors: Whether its rows are compared with F1 and F2, which are then measured around it.
    """

    group: str
    measure: Callable[[Bench], list[Figure]]
    uses_floors: bool = True


SCENARIOS: dict[str, Scenario] = {
    "start": Scenario(RUNNING, running.start, False),
    "memory": Scenario(RUNNING, running.memory, False),
    "city-database": Scenario(CITIES, cities.from_database),
    "city-cache": Scenario(CITIES, cities.from_cache),
    "city-hot": Scenario(CITIES, cities.hot),
    "nearby": Scenario(CITIES, cities.nearby),
    "places": Scenario(CITIES, places.places, False),
    "reads": Scenario(READS, reads.reads, False),
    "users": Scenario(USERS, users.pages),
    "user": Scenario(USERS, users.single),
    "validate": Scenario(USERS, sign_in.validate),
    "sign-in": Scenario(USERS, sign_in.sign_in),
    "in-app-idle": Scenario(IN_APP, in_app.idle, False),
    "in-app": Scenario(IN_APP, in_app.single, False),
    "in-app-bulk": Scenario(IN_APP, in_app.bulk, False),
    "queues": Scenario(IN_APP, in_app.queues, False),
    "mail-idle": Scenario(EMAIL, mail.idle, False),
    "mail": Scenario(EMAIL, mail.sustained),
    "mail-bulk": Scenario(EMAIL, bulk_mail.bulk_mail, False),
    "urgent": Scenario(EMAIL, urgent.urgent, False),
    "import-urgent": Scenario(EMAIL, import_urgent.import_urgent, False),
    "notify": Scenario(EMAIL, mail.queue),
    "relay": Scenario(EVENTS, relay.relay),
    "events": Scenario(EVENTS, events.events, False),
    "due-runs": Scenario(SCHEDULES, due_runs.due_runs, False),
    "schedules": Scenario(SCHEDULES, schedules.schedules, False),
    "files": Scenario(FILES, files.files, False),
    "scaling": Scenario(SCALING, scaling.scaling, False),
    "nearby-large": Scenario(CITIES, cities.nearby_large),
    "memory-load": Scenario(RUNNING, memory.after_load, False),
}
