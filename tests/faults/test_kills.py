"""kill -9 of everything that moves messages, with 500 e-mails under way: all arrive, every fact is taken in once.

Counted by ids in tables and mails, never by log lines. Each guard that this rests on was taken out once, and the test
failed: see docs/operations.md.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.platform import Platform, Sender, wait_for
from tests.fixtures_rabbitmq import need_rabbitmq
from tests.rabbitmq_server import RabbitNode

MAILS, PEOPLE, THREADS = 500, 20, 8
SETTLED_SECONDS = 240

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
    found = Platform(tmp_path / "home", broker.url if broker else None)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def forget(platform: Platform, broker: RabbitNode | None) -> None:
    """The broker dies and everything it held is gone."""
    if broker is None:
        platform.forget_broker()
        return
    broker.kill9()
    shutil.rmtree(broker.folder / "mnesia")
    broker.start()


def progress(platform: Platform) -> int:
    return int(platform.query("SELECT count(*) FROM notifications WHERE status <> 'PENDING'")[0][0])


def test_nothing_is_lost_and_no_fact_is_taken_in_twice(platform: Platform, broker: RabbitNode | None) -> None:
    admin = platform.query("SELECT id FROM users")[0][0]
    sender = Sender(platform, str(admin))
    kills = [
        lambda: platform.kill("worker"),
        lambda: platform.kill("relay"),
        lambda: platform.kill("clock"),
        lambda: forget(platform, broker),
    ]
    with sender.run(MAILS, PEOPLE):
        for number, kill in enumerate(kills, 1):
            wait_for(
                lambda n=number: progress(platform) >= n * 60, 240, lambda: f"only {progress(platform)} on their way"
            )
            kill()
    for task in sender.work:
        task.result()
    assert len(sender.sent) == MAILS

    wait_for(lambda: settled(platform), SETTLED_SECONDS, lambda: report(platform))
    time.sleep(2)  # for what should not come any more
    arrived = platform.mails()
    lost = sender.sent - set(arrived)
    assert not lost, f"{len(lost)} of {MAILS} were lost"
    again = sum(count - 1 for count in arrived.values())
    assert again <= len(kills) * THREADS, f"{again} duplicates"
    each_fact_was_taken_in_once(platform)


def settled(platform: Platform) -> bool:
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


def each_fact_was_taken_in_once(platform: Platform) -> None:
    """One inbox row, done, and one welcome for each person: neither none nor two."""
    people = platform.query("SELECT count(*) FROM outbox WHERE type = 'user.created'")[0][0]
    assert people == PEOPLE + 1
    done = platform.query("SELECT count(*) FROM inbox WHERE consumer = 'welcome_user' AND status = 'done'")
    assert done == [(people,)]
    twice = platform.query(
        "SELECT user_id FROM notifications WHERE template = 'welcome' GROUP BY 1 HAVING count(*) <> 1"
    )
    assert twice == []
    welcomed = platform.query("SELECT count(DISTINCT user_id) FROM notifications WHERE template = 'welcome'")
    assert welcomed == [(people,)]
