"""The routes, and the table of car parks. The metadata is its own: the platform does not migrate it."""

from typing import Any

from marshmallow import fields
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.interceptors import idempotency, transform
from heidi_common.jwt.guards import authenticated
from heidi_common.metrics.exporter import counter
from heidi_common.problems import Conflict, Unavailable
from heidi_common.rabbitmq import rpc
from heidi_common.redis import cache, client, lock
from heidi_common.runtime import current_settings
from heidi_common.schemas.base import Schema

FENCE = Column("fence", BigInteger, nullable=False, server_default="0")
PARKS = Table("car_parks", MetaData(), Column("name", Text, primary_key=True), Column("free", Integer), FENCE)
TICKETS = counter("parking_tickets_total", "Tickets by car park", "park")

blp = transform.Blueprint("parking", __name__, description="Car parks")
blueprints = (blp,)


class Ticket(Schema):
    plate = fields.String(required=True)
    hours = fields.Integer(required=True, strict=True)
    cents, free = fields.Integer(dump_only=True), fields.Integer(dump_only=True)


@blp.route("/api/v1/parking/<name>/tickets", methods=["POST"])
@authenticated
@idempotency.idempotent_outside
@blp.arguments(Ticket)
@blp.response(201, Ticket)
def create_ticket(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Take a space in a car park."""
    cents = request_price(body["hours"])
    with lock.Lock(client.redis_client(), f"parking:{name}", ttl=10, wait=2) as held:
        free = take_space(name, held.fencing_token)
    cache.redis_cache().add_members(f"parking:{name}", body["plate"], ttl=body["hours"] * 3600)
    cache.redis_cache().publish("parking", {"park": name, "free": free})
    TICKETS.labels(name).inc()
    return body | {"cents": cents, "free": free}


def request_price(hours: int) -> int:
    try:
        return int(rpc.request(current_settings().broker_url, "parking.price", {"hours": hours})["cents"])
    except rpc.RequestFailed as failure:
        raise Conflict(failure.detail, code=failure.code) from None
    except (rpc.NoServer, rpc.RequestTimedOut):
        raise Unavailable("Prices are unavailable. Try again later.", code="no_prices") from None


def take_space(name: str, fence: int) -> int:
    """The database rejects a holder whose lease has expired: a later one has written a higher number."""
    allowed = update(PARKS).where(PARKS.c.name == name, PARKS.c.free > 0, PARKS.c.fence < fence)
    with transaction():
        free = db.session.scalar(allowed.values(free=PARKS.c.free - 1, fence=fence).returning(PARKS.c.free))
    if free is None:
        raise Conflict("No space is free in this car park.", code="full")
    return int(free)


@blp.route("/api/v1/parking/<name>/plates/<plate>", methods=["GET"])
@authenticated
@blp.response(200)
def find_plate(name: str, plate: str) -> dict[str, bool]:
    """Whether a car is in a car park."""
    return {"parked": cache.redis_cache().has_member(f"parking:{name}", plate)}
