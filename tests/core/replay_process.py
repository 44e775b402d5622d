"""A worker process that is killed while it hands over a batch of a replay.

python -m tests.core.replay_process DATABASE_URL REDIS_URL REPLAY_ID BATCH
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from uuid import UUID

from heidi_common.app import base_app
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.models import EventReplay
from heidi_services.core.service import replay_runner
from heidi_services.core.service.replay_target import ReplayTarget
from tests.conftest import make_settings
from workers.replay_targets import target_of


def run(database_url: str, redis_url: str, replay_id: UUID, batch: int) -> None:
    """Run a replay, and kill this process when it has handed over the batch with this number, before the commit."""
    handed_over = 0

    def target(replay: EventReplay) -> ReplayTarget:
        receiver = target_of(replay)
        hand_over = receiver.hand_over

        def hand_over_and_die(events: Sequence[OutboxEvent]) -> list[UUID]:
            nonlocal handed_over
            handed_over += 1
            taken = hand_over(events)
            if handed_over == batch:
                os.kill(os.getpid(), signal.SIGKILL)
            return taken

        receiver.hand_over = hand_over_and_die  # type: ignore[method-assign]
        return receiver

    with base_app(make_settings(database_url, redis_url), "worker").app_context():
        replay_runner.run(replay_id, target)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], UUID(sys.argv[3]), int(sys.argv[4]))
