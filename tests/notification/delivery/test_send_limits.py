"""Rate limits of recipients and providers, and the circuit breaker."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from heidi_common.config.settings import ConfigError, Settings
from heidi_common.database.models import utcnow
from heidi_common.redis.client import redis_client
from heidi_services.notification.service.delivery.send_limits import TokenBucket, take_tokens
from tests.conftest import SignedIn
from tests.notification.conftest import Post, attempts_of, delivered
from tests.notification.mailserver import MailServer
from tests.ports import free_port

AsUser = Callable[..., SignedIn]


def test_a_bucket_allows_its_burst_and_then_returns_the_wait(app: object) -> None:
    bucket = TokenBucket("x", burst=2, refill_seconds=10_000)
    assert [take_tokens(redis_client(), [bucket]) for _ in range(2)] == [0, 0]
    assert 9_000 < take_tokens(redis_client(), [bucket]) <= 10_000


def test_when_one_bucket_is_empty_no_token_is_taken_from_the_others(app: object) -> None:
    full, empty = (
        TokenBucket("full", burst=1, refill_seconds=6_000),
        TokenBucket("empty", burst=1, refill_seconds=6_000),
    )
    take_tokens(redis_client(), [empty])
    assert take_tokens(redis_client(), [full, empty]) > 0
    assert take_tokens(redis_client(), [full]) == 0


def test_the_sixth_text_message_is_postponed_without_an_attempt(post: Post, as_user: AsUser) -> None:
    person = as_user(phone="+15005550006")
    assert [delivered(post(person, channel="SMS")).status for _ in range(5)] == ["SENT"] * 5
    waiting = delivered(post(person, channel="SMS"))
    assert (waiting.status, waiting.attempts, attempts_of(waiting.id)) == ("PENDING", 0, [])
    assert timedelta() < waiting.next_attempt_at - utcnow() <= timedelta(seconds=60)
    assert delivered(post(person, channel="SMS", category="security")).status == "SENT"


def test_marketing_messages_are_limited_per_user(post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user()
    assert [delivered(post(person, category="marketing")).status for _ in range(4)] == ["SENT"] * 3 + ["PENDING"]
    assert delivered(post(as_user(), category="marketing")).status == "SENT", "other users are not affected"


def test_a_providers_rate_limit_postpones_messages(
    reconfigure: Callable[..., None], post: Post, as_user: AsUser
) -> None:
    reconfigure(email_providers=("simulated",), provider_rates={"simulated": 0.001})
    assert [delivered(post(as_user())).status for _ in range(2)] == ["SENT", "PENDING"]


def test_without_redis_there_are_no_limits(reconfigure: Callable[..., None], post: Post, as_user: AsUser) -> None:
    ids = [post(as_user(phone="+15005550006"), channel="SMS") for _ in range(2)]
    reconfigure(redis_url=f"redis://127.0.0.1:{free_port()}/0", provider_rates={"simulated": 0.1})
    assert [delivered(notification_id).status for notification_id in ids] == ["SENT", "SENT"]


def test_a_provider_with_an_open_circuit_breaker_is_called_last(
    reconfigure: Callable[..., None], post: Post, as_user: AsUser
) -> None:
    reconfigure(smtp_url=f"smtp://127.0.0.1:{free_port()}", email_providers=("smtp", "simulated"))
    providers = [[attempt.provider for attempt in attempts_of(delivered(post(as_user())).id)] for _ in range(7)]
    assert providers == [["smtp", "simulated"]] * 5 + [["simulated"]] * 2


@pytest.mark.parametrize("raw", ["twilio", "twilio=0", "twilio=fast"])
def test_an_invalid_rate_is_a_configuration_error(raw: str) -> None:
    with pytest.raises(ConfigError, match="PROVIDER_RATES"):
        Settings.from_env({"PROVIDER_RATES": raw})
