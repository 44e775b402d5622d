"""Messages over RabbitMQ, except those of Dramatiq: the specification's library "rabbitmq".

`publisher` publishes events to a topic exchange and waits for the broker's confirms, `subscriber` consumes them (for
external programs), `rpc` has request and response, and `connection` connects with heartbeats and retries.

    Publisher(url).publish("user.created", event)
    subscribe(url, ["user.*"], handle)
    serve(url, "geo.distance", lambda payload: {...})  # the process that responds
    request(url, "geo.distance", {...}, timeout=2)     # the process that requests
"""
