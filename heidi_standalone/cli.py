"""`flask up`, `flask doctor` and `flask seed`. Every `flask` command loads this module, so it imports little."""

import os
import sys

import click


@click.command("up")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the router (default: HEIDI_PORT, or 8080).")
@click.option("--broker-url", help="Use this broker (amqp://... for RabbitMQ) instead of the embedded Valkey.")
@click.option("--database-url", help="Use this PostgreSQL instead of the embedded one.")
@click.option("--redis-url", help="Use this Redis instead of the embedded Valkey.")
def up(port: int | None, broker_url: str | None, database_url: str | None, redis_url: str | None) -> None:
    """Run the whole platform on this machine, including the servers that it needs."""
    options = {
        "HEIDI_PORT": str(port or ""),
        "BROKER_URL": broker_url,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }
    env = os.environ | {name: value for name, value in options.items() if value}
    from heidi_standalone.environment import platform_environment

    # The launcher lives as long as the platform: exec frees the memory that Flask takes.
    command = [sys.executable, "-m", "heidi_standalone", "--clean"]
    os.execve(sys.executable, command, platform_environment(env))  # nosec B606


@click.command("doctor")
def doctor() -> None:
    """Check every dependency. Exit 1 if a required one fails."""
    from heidi_common.cli.doctor import report

    sys.exit(report())


@click.command("seed")
def seed() -> None:
    """Fill the running platform with sample data."""
    from heidi_standalone.seed import main

    sys.exit(main())
