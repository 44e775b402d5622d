"""The entry point of workers: `dramatiq workers.main:setup`."""

import dramatiq

from heidi_common.config.settings import Settings
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
