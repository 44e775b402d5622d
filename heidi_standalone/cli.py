"""`flask up`, `prepare`, `doctor` and `seed`. Every `flask` command loads this module, so it imports little."""

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


@click.command("prepare")
def prepare() -> None:
    """Migrate the database and import the shipped cities, as far as they are missing. Run it before each start."""
    import logging

    from heidi_common.startup.reports import is_for_people, report
    from heidi_standalone.preparation.prepare import NAME, main

    try:
        sys.exit(main())
    except click.ClickException as error:
        if is_for_people():
            raise
        report(NAME, error.message, logging.CRITICAL)
        sys.exit(1)


@click.command("doctor")
@click.option("--send-test", "address", metavar="ADDRESS", help="Also send a test message, by e-mail or SMS.")
def doctor(address: str | None) -> None:
    """Check every dependency and provider. Exit 1 if a required one fails, or the test message is not accepted."""
    from heidi_common.cli.doctor import report

    failed = report()
    sys.exit(failed or (_send_test(address) if address else 0))


def _send_test(address: str) -> int:
    from heidi_common.config.sections.processes import environment
    from heidi_common.config.settings import Settings
    from heidi_services.notification.channels.provider_checks import ProviderUnusable
    from heidi_services.notification.cli.checks import send_test_message

    try:
        response = send_test_message(Settings.from_env(environment()), address)
    except (ProviderUnusable, ValueError) as error:
        click.echo(f"FAIL  test message         {error}")
        return 1
    click.echo(f"ok    test message         {response}")
    return 0


@click.command("seed")
def seed() -> None:
    """Fill the running platform with sample data."""
    from heidi_standalone.preparation.seed import main

    sys.exit(main())
