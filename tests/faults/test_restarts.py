"""Restarts of PostgreSQL, Redis and the SMTP server while messages are in flight, with RabbitMQ as the broker.

All tests share a platform. Counted by the IDs in tables and mails, never by log lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest
import requests

from tests.faults.platform import Platform, Sender, wait_for
from tests.fixtures_rabbitmq import need_rabbitmq
from tests.polling import TIMEOUT_SECONDS
from tests.rabbitmq_server import RabbitNode

SERVERS = ("postgres", "valkey", "mail")
MAILS, USERS = 250, 4
SETTLE_SECONDS = 240

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    need_rabbitmq()
    folder = tmp_path_factory.mktemp("restarts")
    node = RabbitNode(folder / "rabbit")
    node.start()
    platform = Platform(folder / "home", node.url)
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()
        node.stop()


@pytest.mark.parametrize("server, signal", [(server, "KILL") for server in SERVERS] + [("mail", "TERM")])
def test_a_restart_loses_nothing(platform: Platform, sender: Sender, server: str, signal: str) -> None:
    with sender.run(MAILS, USERS):
        wait_for_mails(platform, sender, MAILS // 4)
        if signal == "KILL":
            platform.kill(server)
        else:
            platform.stop_program(server)
            platform.start_program(server)
    for task in sender.work:
        task.result()
    assert_everything_is_done(platform, sender)


def test_without_redis_users_sign_in_and_changes_of_cities_are_handled(platform: Platform, sender: Sender) -> None:
    city = get(platform, "/api/v1/cities?limit=1").json()["data"][0]
    with sender.run(MAILS, USERS):
        wait_for_mails(platform, sender, MAILS // 4)
        platform.stop_program("valkey")
        assert_signing_in_works(platform)
        population = change_population(platform, city["id"], sender.headers)
        assert get(platform, f"/api/v1/cities/{city['id']}").json()["data"]["population"] == population
    for task in sender.work:
        task.result()  # all of them were accepted without Redis
    assert platform.query("SELECT status FROM inbox WHERE consumer = 'renew_city_answers'") == [("pending",)]
    platform.start_program("valkey")
    assert_everything_is_done(platform, sender)
    assert platform.query("SELECT status FROM inbox WHERE consumer = 'renew_city_answers'") == [("done",)]
    assert get(platform, f"/api/v1/cities/{city['id']}").json()["data"]["population"] == population


def wait_for_mails(platform: Platform, sender: Sender, count: int) -> None:
    """Wait until the load is under way."""

    def arrived() -> int:
        return len(sender.sent & set(platform.mails()))

    wait_for(lambda: arrived() >= count, SETTLE_SECONDS, lambda: f"only {arrived()} mails arrived")


def assert_signing_in_works(platform: Platform) -> None:
    email, password = (platform.home / "admin.txt").read_text().split()
    login = post(platform, "/api/v1/auth/login", {"email": email, "password": password})
    assert login.status_code == 200, login.text
    refreshed = post(platform, "/api/v1/auth/refresh", {"refreshToken": login.json()["data"]["refreshToken"]})
    assert refreshed.status_code == 200, refreshed.text
    wrong = post(platform, "/api/v1/auth/login", {"email": email, "password": "not the password"})
    assert wrong.status_code == 401, wrong.text


def change_population(platform: Platform, city_id: str, headers: dict[str, str]) -> int:
    population = 4_711
    body = {"population": population}
    url = f"{platform.url}/api/v1/cities/{city_id}"
    response = requests.patch(url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
    assert response.status_code == 200, response.text
    return population


def get(platform: Platform, path: str) -> requests.Response:
    return requests.get(platform.url + path, headers={"Cache-Control": "no-cache"}, timeout=TIMEOUT_SECONDS)


def post(platform: Platform, path: str, body: dict[str, str]) -> requests.Response:
    return requests.post(platform.url + path, json=body, timeout=TIMEOUT_SECONDS)


def assert_everything_is_done(platform: Platform, sender: Sender) -> None:
    assert len(sender.sent) == MAILS
    wait_for(lambda: end_the_ambiguous_pause(platform) == 0, SETTLE_SECONDS, lambda: report(platform, sender))
    wait_for(lambda: lost(platform, sender) == set(), SETTLE_SECONDS, lambda: report(platform, sender))
    wait_for(lambda: unfinished(platform) == 0, SETTLE_SECONDS, lambda: report(platform, sender))
    assert platform.query("SELECT consumer FROM inbox WHERE status = 'dead'") == []
    users = platform.query("SELECT id FROM users WHERE role <> 'ADMIN'")
    welcomed = platform.query("SELECT user_id FROM notifications WHERE template = 'welcome'")
    assert Counter(user for user in welcomed if user in users) == Counter(users), "each user is welcomed once"


def end_the_ambiguous_pause(platform: Platform) -> int:
    """Advance the attempts that wait half an hour because the server may have accepted the mail.

    Returns:
        The number of notifications that are still pending.
    """
    statement = """
        WITH advanced AS (
            UPDATE notifications SET next_attempt_at = now(), hinted_until = now()
            WHERE status = 'PENDING' AND next_attempt_at > now() + interval '10 minutes'
              AND (retry_progress ->> 'ambiguous')::int > 0
            RETURNING id
        )
        SELECT count(*) FROM notifications WHERE status = 'PENDING'
    """
    return int(platform.query(statement)[0][0])


def lost(platform: Platform, sender: Sender) -> set[UUID]:
    return sender.sent - set(platform.mails())


def unfinished(platform: Platform) -> int:
    statement = """
        SELECT (SELECT count(*) FROM notifications WHERE status = 'PENDING')
             + (SELECT count(*) FROM outbox WHERE sent_at IS NULL)
             + (SELECT count(*) FROM inbox WHERE status = 'pending')
    """
    return int(platform.query(statement)[0][0])


def report(platform: Platform, sender: Sender) -> str:
    rows = platform.query("SELECT status, count(*), max(attempts) FROM notifications GROUP BY status")
    inbox = platform.query("SELECT consumer, status, count(*), max(last_error) FROM inbox GROUP BY 1, 2")
    return f"{len(lost(platform, sender))} lost, notifications {rows}, inbox {inbox}"
