"""Workers: `python -m workers.main`, with the options of `dramatiq`, whose messages are logged as all others are."""

import sys
from collections.abc import Sequence

import dramatiq
from dramatiq import cli

from heidi_common.config.settings import Settings
from heidi_common.startup.process_log import start_logging
from workers.actors import bind_all
from workers.broker import AppContext, make_broker
from workers.worker_pulse import WorkerPulse


def setup() -> None:
    """Set up the broker and its actors; Dramatiq calls this in each process."""
    settings = Settings.from_env()
    context = AppContext(settings)
    broker = make_broker(settings.broker_url, context, WorkerPulse(context))
    bind_all(broker)
    dramatiq.set_broker(broker)


def main(options: Sequence[str]) -> int:
    """Run worker processes until SIGTERM.

    Args:
        options: Those of `dramatiq`, such as `--processes 2 --threads 8`.

    Returns:
        The exit code.
    """
    start_logging("worker")
    Settings.from_env()  # reports what is wrong once, before there are processes
    arguments = cli.make_argument_parser().parse_args(  # type: ignore[no-untyped-call]
        [f"workers.main:{setup.__name__}", "--skip-logging", *options]
    )
    return int(cli.main(arguments))  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
