"""Operations that run against the real services in one app; faults are injected into the calls between services."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_services.core.models import Operation
from heidi_services.core.service import operation_runner

PATH = "/api/v1/core/operations"
ONBOARD = {"email": "new@example.test", "firstName": "Ada", "role": "MODERATOR"}
CREATE, INVITE, GREET = "POST /api/v1/users", "POST /api/v1/auth/password/invite", "POST /api/v1/notifications"
TOKEN, DELETE = "POST /api/v1/auth/token", "DELETE /api/v1/users/{id}"
UNAVAILABLE = PeerResponse(503, {"code": "unavailable"})
NO_RESPONSE = PeerResponse(None, error="TimedOut", ambiguous=True)
Transport = Callable[[Any, dict[str, str], PeerRequest, float], PeerResponse]
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class RecordedCall:
    """A call from core to a service."""

    name: str
    json: Any
    headers: dict[str, str]


class PeerCalls:
    """Stands between core and the real services: records the calls by "METHOD /path/{id}" and injects faults."""

    def __init__(self, app: Flask, transport: Transport) -> None:
        self._app = app
        self.recorded: list[RecordedCall] = []
        self._transport = transport
        self._faults: dict[str, Iterator[PeerResponse]] = {}
        self._lost: set[str] = set()
        self._actions: dict[str, Callable[[], object]] = {}

    def fail(self, name: str, responses: Iterable[PeerResponse]) -> None:
        """Respond to the next calls instead of the service; after these responses, the service responds.

        Args:
            name: "METHOD /path/{id}", or the name of a service for all calls to it.
            responses: What core receives.
        """
        self._faults[name] = iter(responses)

    def lose_response(self, name: str) -> None:
        """Let the service process the next call, but lose its response."""
        self._lost.add(name)

    def before(self, name: str, action: Callable[[], object]) -> None:
        """Do something once, just before a call."""
        self._actions[name] = action

    def names(self) -> list[str]:
        return [call.name for call in self.recorded if call.name != TOKEN]

    def __call__(self, app: Any, headers: dict[str, str], call: PeerRequest, timeout: float) -> PeerResponse:
        name = f"{call.method} {_ID.sub('{id}', call.path)}"
        if name in self._actions:
            with self._app.app_context():
                self._actions.pop(name)()
        self.recorded.append(RecordedCall(name, call.json, headers))
        fault = next(self._faults.get(name, self._faults.get(call.service, iter(()))), None)
        if fault is not None:
            return fault
        response = self._transport(app, headers, call, timeout)
        if name in self._lost:
            self._lost.remove(name)
            return NO_RESPONSE
        return response


def create(client: FlaskClient, user: Any, type: str, payload: Any, **headers: str) -> TestResponse:
    return client.post(PATH, json={"type": type, "input": payload}, headers=user.headers | headers)


def request_operation(client: FlaskClient, user: Any, type: str, payload: Any) -> UUID:
    response = create(client, user, type, payload)
    assert response.status_code == 202, response.get_json()
    return UUID(response.get_json()["data"]["id"])


def run(operation_id: UUID) -> Operation:
    """Run the operation as a worker does, now, even if it is due later."""
    with transaction():
        db.session.execute(update(Operation).values(next_attempt_at=utcnow() - timedelta(seconds=1)))
    operation_runner.run(operation_id)
    db.session.expire_all()
    return db.session.get_one(Operation, operation_id)


def steps(row: Operation) -> dict[str, str]:
    return {step["name"]: step["status"] for step in row.steps}


def user_by_email(email: str = ONBOARD["email"]) -> User:
    return db.session.scalars(select(User).where(User.email == email)).one()


def change_user(user_id: UUID, **values: Any) -> None:
    with transaction():
        db.session.execute(update(User).where(User.id == user_id).values(**values))


def store_token(operation_id: UUID, authorization: str) -> None:
    """Make a stored operation look like one of version 1.0, which stored the requester's Authorization header."""
    with transaction():
        row = db.session.get_one(Operation, operation_id)
        secret = field_encryptor().decrypt(row.sealed or "", context=row.id.bytes)
        sealed = field_encryptor().encrypt(secret | {"authorization": authorization}, context=row.id.bytes)
        db.session.execute(update(Operation).where(Operation.id == operation_id).values(sealed=sealed))
