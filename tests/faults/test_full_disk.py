"""A disk that fills up while messages are in flight: reads go on, changes are rejected, nothing accepted is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import requests

from tests.faults.platform import Platform, Sender, wait_for
from tests.faults.small_disk import SmallDisk, small_disk
from tests.polling import TIMEOUT_SECONDS

MAILS, USERS = 80, 2
SETTLE_SECONDS = 240
MEGABYTE = 1024 * 1024
READS = (
    "/api/v1/cities?limit=1",
    "/api/v1/users?limit=1",
    "/api/v1/notifications?limit=1",
    "/api/v1/schedules?limit=1",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("full") / "disk", 768) as disk:
        yield disk


@pytest.fixture(scope="module")
def platform(disk: SmallDisk) -> Iterator[Platform]:
    platform = Platform(disk.folder / "home")
    platform.log = disk.folder.with_name("up.log")
    try:
        platform.start()
        yield platform
    finally:
        disk.clear()
        platform.stop()


@pytest.mark.parametrize("remaining", [0, 300_000, 9 * MEGABYTE])
def test_reads_go_on_and_nothing_accepted_is_lost(
    platform: Platform, sender: Sender, disk: SmallDisk, remaining: int
) -> None:
    with sender.run(MAILS, USERS):
        wait_for(lambda: len(sender.sent) >= MAILS // 4, SETTLE_SECONDS, lambda: f"only {len(sender.sent)} accepted")
        disk.fill(remaining)
        try:
            wait_for(lambda: reads(platform, sender) == {200}, SETTLE_SECONDS, lambda: "reads do not work")
            assert_only_reads(platform, sender)
        finally:
            disk.clear()
    for task in sender.work:
        task.result()
    assert len(sender.sent) == MAILS
    wait_for(lambda: not lost(platform, sender), SETTLE_SECONDS, lambda: f"{len(lost(platform, sender))} lost")


@pytest.mark.parametrize("remaining", [0, 2 * MEGABYTE, 15 * MEGABYTE])
def test_an_existing_platform_starts(platform: Platform, sender: Sender, disk: SmallDisk, remaining: int) -> None:
    platform.stop()
    disk.fill(remaining)
    try:
        platform.start()
        assert_only_reads(platform, sender)
    finally:
        disk.clear()
    wait_for(lambda: send(platform, sender).status_code == 202, SETTLE_SECONDS, lambda: "changes are still rejected")


def assert_only_reads(platform: Platform, sender: Sender) -> None:
    """Changes are accepted until the disk is looked at, and PostgreSQL may restart once when its log cannot grow."""
    wait_for(lambda: is_disk_full(send(platform, sender)), SETTLE_SECONDS, lambda: "changes are accepted")
    for _ in range(5):
        wait_for(lambda: reads(platform, sender) == {200}, SETTLE_SECONDS, lambda: "reads do not work")
        rejected = send(platform, sender)
        assert rejected.status_code in (503, 507), rejected.text
        time.sleep(0.2)
    wait_for(lambda: is_disk_full(send(platform, sender)), SETTLE_SECONDS, lambda: "the reason is not given")
    assert requests.get(f"http://127.0.0.1:{platform.base}/metrics", timeout=TIMEOUT_SECONDS).status_code == 200


def is_disk_full(response: requests.Response) -> bool:
    return (
        response.status_code == 507 and response.json()["code"] == "disk_full" and "disk" in response.json()["detail"]
    )


def reads(platform: Platform, sender: Sender) -> set[int]:
    urls = [platform.url + path for path in READS]
    return {requests.get(url, headers=sender.headers, timeout=TIMEOUT_SECONDS).status_code for url in urls}


def send(platform: Platform, sender: Sender) -> requests.Response:
    body = {"userId": sender.user_id, "channel": "IN_APP", "subject": "Hello", "content": "Hello"}
    headers = sender.headers | {"Idempotency-Key": str(uuid4())}
    return requests.post(f"{platform.url}/api/v1/notifications", json=body, headers=headers, timeout=TIMEOUT_SECONDS)


def lost(platform: Platform, sender: Sender) -> set[object]:
    return set(sender.sent) - set(platform.mails())
