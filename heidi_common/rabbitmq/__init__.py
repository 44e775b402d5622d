"""RabbitMQ for everything that is not a Dramatiq message: facts for the world outside,
and questions with answers.

    Publisher(url).publish("user.created", event)
    subscribe(url, ["user.*"], handle)                 # for programs outside
    serve(url, "geo.distance", lambda payload: {...})  # one side
    request(url, "geo.distance", {...}, timeout=2)     # the other
"""

from heidi_common.rabbitmq.connection import EVENTS, REQUESTS
from heidi_common.rabbitmq.publisher import NotConfirmed, OutgoingMessage, Publisher
from heidi_common.rabbitmq.rpc import NoServer, RequestFailed, RequestTimedOut, request, serve
from heidi_common.rabbitmq.subscriber import IncomingMessage, subscribe

__all__ = [
    "EVENTS",
    "REQUESTS",
    "IncomingMessage",
    "NoServer",
    "NotConfirmed",
    "OutgoingMessage",
    "Publisher",
    "RequestFailed",
    "RequestTimedOut",
    "request",
    "serve",
    "subscribe",
]
