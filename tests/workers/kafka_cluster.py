"""librdkafka's mock cluster: three brokers with real sockets, as a process of its own. Prints their addresses."""

import sys

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient


def main() -> None:
    # The address is a placeholder: the mock brokers replace it. They live as long as the client does.
    cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
    brokers = cluster.list_topics(timeout=30).brokers.values()
    addresses = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    assert AdminClient({"bootstrap.servers": addresses}).list_topics(timeout=30).brokers
    print(addresses, flush=True)
    sys.stdin.read()  # until the test ends


if __name__ == "__main__":
    main()
