"""`flask up`, `flask doctor` and `flask seed`: what every `flask` command loads, so nothing heavy is imported here."""

import os
import sys

import click


@click.command("up")
@click.option("--port", type=click.IntRange(1, 65535), help="The router's port. [HEIDI_PORT, or 8080]")
@click.option("--broker-url", help="Use this broker (amqp://... for RabbitMQ) instead of the embedded Valkey.")
@click.option("--database-url", help="Use this PostgreSQL instead of the embedded one.")
@click.option("--redis-url", help="Use this Redis instead of the embedded Valkey.")
def up(port: int | None, broker_url: str | None, database_url: str | None, redis_url: str | None) -> None:
    """Run the whole platform on this machine, with everything it needs."""
    chosen = {
        "HEIDI_PORT": str(port or ""),
        "BROKER_URL": broker_url,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }
    env = os.environ | {name: value for name, value in chosen.items() if value}
    # It stays for as long as the platform runs: not with Flask in its memory.
    os.execve(sys.executable, [sys.executable, "-m", "heidi_standalone"], env)  # nosec B606


@click.command("doctor")
def doctor() -> None:
    """Check every dependency; exit 1 when one that is needed fails."""
    from heidi_common.cli.doctor import report

    sys.exit(report())


@click.command("seed")
def seed() -> None:
    """Fill the running platform with samples to look at."""
    from heidi_standalone.seed import main

    sys.exit(main())
