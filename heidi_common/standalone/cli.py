"""`flask up`."""

import errno
import os
import sys
from pathlib import Path

import click


@click.command("up")
@click.option(
    "--port", type=int, default=lambda: int(os.environ.get("HEIDI_PORT") or 8080), help="The router's port. [8080]"
)
@click.option("--broker-url", help="Use this broker (amqp://... for RabbitMQ) instead of the embedded Valkey.")
@click.option("--database-url", help="Use this PostgreSQL instead of the embedded one.")
@click.option("--redis-url", help="Use this Redis instead of the embedded Valkey.")
def up(port: int, broker_url: str | None, database_url: str | None, redis_url: str | None) -> None:
    """Run the whole platform on this machine, with everything it needs."""
    # Imported late: this command is listed by every `flask --help`.
    from heidi_common.standalone.checkout import ROOT
    from heidi_common.standalone.home import AlreadyRunning, Home
    from heidi_common.standalone.platform import Platform
    from heidi_common.standalone.ports import FIRST, Ports, PortTaken
    from heidi_common.standalone.up import StartFailed, Up

    chosen = {"BROKER_URL": broker_url, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    given = dict(os.environ) | {name: url for name, url in chosen.items() if url}
    home = Home(Path(given.get("HEIDI_HOME") or ROOT / ".heidi"))
    ports = Ports(router=port, base=int(given.get("HEIDI_BASE_PORT") or FIRST))
    try:
        home.prepare()
        Up(Platform(home, ports, given)).run()
    except (StartFailed, PortTaken, AlreadyRunning, RuntimeError) as error:
        _give_up(str(error))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        _give_up(f"The disk that holds {home.folder} is full" if full else str(error))


def _give_up(reason: str) -> None:
    click.secho(f"Heidi cannot run: {reason}", fg="red", err=True)
    sys.exit(1)
