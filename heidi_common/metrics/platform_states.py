"""States of the platform that outlive the process which noticed them, for alerts: any service exposes them as gauges.

A backup that was made, a migration that failed, a certificate that expires, a provider that rejects the credentials.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

BACKUP, CERTIFICATE, MIGRATION, PROVIDER_REJECTION = "backup", "certificate", "migration", "providerRejection"
CITIES = "shippedCities"
"""The subject is the version of a set of cities that was imported, the value its smallest population."""
CREATED, VERIFIED, FAILED = "created", "verified", "failed"
"""Subjects of BACKUP: when the newest backup was created and verified, and when one last failed."""
KEPT = timedelta(days=7)


class PlatformState(Base):
    """The latest state of a subject, such as the rejection by one provider."""

    __tablename__ = "platform_states"

    name: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    changed_at: Mapped[datetime]


class State(NamedTuple):
    """A state, and how many seconds ago it was stored."""

    subject: str
    value: float
    age: float


def store(name: str, subject: str, value: float = 1.0) -> None:
    """Store a state, in the caller's transaction or in a new one."""
    values = {"value": value, "changed_at": func.now()}
    statement = insert(PlatformState).values(name=name, subject=subject, **values)
    with transaction():
        db.session.execute(statement.on_conflict_do_update(index_elements=["name", "subject"], set_=values))


def read(connection: Connection) -> dict[str, list[State]]:
    """Name -> states."""
    age = func.extract("epoch", func.now() - PlatformState.changed_at).label("age")
    rows = connection.execute(select(PlatformState.name, PlatformState.subject, PlatformState.value, age))
    states: dict[str, list[State]] = {}
    for row in rows:
        states.setdefault(row.name, []).append(State(row.subject, row.value, float(row.age)))
    return states


def delete_old() -> None:
    """Delete states of subjects that no longer exist, such as a provider that was replaced."""
    ends = PlatformState.name.in_((CERTIFICATE, PROVIDER_REJECTION))
    with transaction():
        db.session.execute(delete(PlatformState).where(ends, PlatformState.changed_at < func.now() - KEPT))
