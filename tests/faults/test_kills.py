"""kill -9 of every process that moves messages, with 500 e-mails in flight: all arrive, every event is handled once.

Counted by the IDs in tables and mails, never by log lines. Each safeguard was removed once to see this test fail: see
docs/operations.md.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.platform import Platform, Sender, wait_for
from tests.fixtures_rabbitmq import need_rabbitmq
from tests.rabbitmq_server import RabbitNode

MAILS, USERS, THREADS = 500, 20, 8
SETTLE_SECONDS = 240

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["valkey", "rabbitmq"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RabbitNode | None]:
    """None: the embedded Valkey."""
    if request.param == "valkey":
        yield None
        return
    need_rabbitmq()
    node = RabbitNode(tmp_path / "rabbit")
    node.start()
    yield node
    node.stop()


@pytest.fixture
def platform(broker: RabbitNode | None, tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path / "home", broker.url if broker else None)
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()


def wipe(platform: Platform, broker: RabbitNode | None) -> None:
    """Kill the broker and delete everything it has stored."""
    if broker is None:
        platform.wipe_broker()
        return
    broker.kill9()
    shutil.rmtree(broker.folder / "mnesia")
    broker.start()


def progress(platform: Platform) -> int:
    return int(platform.query("SELECT count(*) FROM notifications WHERE status <> 'PENDING'")[0][0])


def test_no_mail_is_lost_and_no_event_is_handled_twice(platform: Platform, broker: RabbitNode | None) -> None:
    admin = platform.query("SELECT id FROM users")[0][0]
    sender = Sender(platform, str(admin))
    sender.attach(os.urandom(200_000))
    kills = [
        lambda: platform.kill("worker"),
        lambda: platform.kill("relay"),
        lambda: platform.kill("clock"),
        lambda: wipe(platform, broker),
    ]
    with sender.run(MAILS, USERS):
        for number, kill in enumerate(kills, 1):
            wait_for(lambda n=number: progress(platform) >= n * 60, 240, lambda: f"only {progress(platform)} processed")
            kill()
    for task in sender.work:
        task.result()
    assert len(sender.sent) == MAILS

    wait_for(lambda: is_idle(platform), SETTLE_SECONDS, lambda: report(platform))
    time.sleep(2)  # for duplicates that may still arrive
    arrived = platform.mails()
    lost = sender.sent - set(arrived)
    assert not lost, f"{len(lost)} of {MAILS} mails were lost"
    duplicates = sum(count - 1 for count in arrived.values())
    assert duplicates <= len(kills) * THREADS, f"{duplicates} duplicates"
    attached = platform.attachments()
    assert len(attached) >= MAILS // 10 and set(attached) == {sender.attachment}
    assert_each_event_was_handled_once(platform)


def is_idle(platform: Platform) -> bool:
    open_work = """
        SELECT (SELECT count(*) FROM notifications WHERE status = 'PENDING')
             + (SELECT count(*) FROM outbox WHERE sent_at IS NULL)
             + (SELECT count(*) FROM inbox WHERE status = 'pending')
             + abs((SELECT count(*) FROM outbox WHERE type = 'user.created')
                 - (SELECT count(*) FROM notifications WHERE template = 'welcome'))
    """
    return bool(platform.query(open_work)[0][0] == 0)


def report(platform: Platform) -> str:
    rows = platform.query("SELECT status, count(*), max(attempts) FROM notifications GROUP BY status")
    inbox = platform.query("SELECT consumer, status, count(*) FROM inbox GROUP BY 1, 2")
    unsent = platform.query("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
    return f"notifications {rows}, inbox {inbox}, unsent {unsent}"


def assert_each_event_was_handled_once(platform: Platform) -> None:
    """Assert that each new user has exactly one finished inbox row and one welcome message."""
    users = platform.query("SELECT count(*) FROM outbox WHERE type = 'user.created'")[0][0]
    assert users == USERS + 1
    done = platform.query("SELECT count(*) FROM inbox WHERE consumer = 'welcome_user' AND status = 'done'")
    assert done == [(users,)]
    wrong = platform.query(
        "SELECT user_id FROM notifications WHERE template = 'welcome' GROUP BY 1 HAVING count(*) <> 1"
    )
    assert wrong == []
    welcomed = platform.query("SELECT count(DISTINCT user_id) FROM notifications WHERE template = 'welcome'")
    assert welcomed == [(users,)]
