"""Responds to requests for prices over RabbitMQ: `python -m examples.parking.prices`."""

from heidi_common.config.settings import Settings
from heidi_common.problems import BadRequest
from heidi_common.rabbitmq.rpc import serve


def price(payload: dict[str, int]) -> dict[str, int]:
    if not 1 <= payload["hours"] <= 24:
        raise BadRequest("Specify 1 to 24 hours.", code="bad_hours")
    return {"cents": 200 * payload["hours"]}


if __name__ == "__main__":
    serve(Settings.from_env().broker_url, "parking.price", price)
