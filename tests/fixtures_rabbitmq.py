"""The fixture `rabbit`: one node for the whole test session."""

import os
from collections.abc import Iterator

import pytest

from tests.rabbitmq_server import RabbitNode


def need_rabbitmq() -> None:
    """Without an installed RabbitMQ server, skip the test; under CI=true, fail it."""
    if RabbitNode.available():
        return
    reason = "rabbitmq-server is not installed (Debian: apt-get install rabbitmq-server)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    need_rabbitmq()
    node = RabbitNode(tmp_path_factory.mktemp("rabbit"))
    node.start()
    yield node
    node.stop()
