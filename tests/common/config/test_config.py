"""Settings: one error names every wrong variable, and production does not start with placeholders as secrets."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import ConfigError, Settings
from heidi_services.notification.channels.registry import provider_names
from heidi_services.notification.channels.twilio import TwilioSettings

GOOD = {
    "HEIDI_ENV": "production",
    "DATABASE_URL": "postgresql://heidi:x@db/heidi",
    "REDIS_URL": "redis://redis:6379/0",
    "BROKER_URL": "amqp://heidi:x@rabbitmq/",
    "PUBLIC_BASE_URL": "https://heidi.example/",
    "SECRET_KEY": "q8Zk3n0vX1bT7yL5wR2mJ9cF4hD6sA0u",
    "ENCRYPTION_KEYS": base64.b64encode(bytes(range(32))).decode(),
    "JWT_PUBLIC_KEYS": "/etc/heidi/jwks.json",
}


def test_good_settings_are_read_into_a_frozen_value() -> None:
    settings = Settings.from_env(GOOD)
    assert settings.database_url == "postgresql+psycopg2://heidi:x@db/heidi"
    assert settings.public_base_url == "https://heidi.example"
    with pytest.raises(AttributeError):
        settings.database_url = "elsewhere"  # type: ignore[misc]


def test_one_error_names_every_missing_variable() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({})
    for name in GOOD.keys() - {"HEIDI_ENV"}:
        assert f"{name} is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SECRET_KEY", "change-me-change-me-change-me-change-me", "placeholder"),
        ("SECRET_KEY", "short", "32 characters"),
        ("ENCRYPTION_KEYS", "bm90IDMyIGJ5dGVz", "12 bytes instead of 32"),
        ("ENCRYPTION_KEYS", "not base64!", "not base64"),
        ("DATABASE_URL", "mysql://db/heidi", "postgresql://"),
        ("BROKER_URL", "kafka://somewhere", "amqp://"),
        ("DATABASE_POOL_SIZE", "ten", "whole number"),
        ("SMTP_CONNECTIONS", "0", "at least 1"),
        ("HEIDI_ENV", "prod", "not one of"),
        ("OUTBOUND_ALLOW_NETS", "10.0.0.0/33", "10.0.0.0/33"),
        ("PASSWORD_HASHER", "md5", "argon2id"),
    ],
)
def test_a_bad_value_names_its_variable_and_the_reason(variable: str, value: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(GOOD | {variable: value})
    assert f"{variable}: " in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("level", ["debug", "Debug", "DEBUG"])
def test_the_log_level_may_be_written_in_any_case(level: str) -> None:
    assert Settings.from_env(GOOD | {"LOG_LEVEL": level}).log_level == "DEBUG"


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    text = repr(Settings.from_env(GOOD))
    assert GOOD["SECRET_KEY"] not in text
    assert GOOD["ENCRYPTION_KEYS"] not in text


def test_production_has_no_simulated_provider_unless_configured() -> None:
    assert provider_names(Settings.from_env(GOOD), "SMS") == ()
    assert provider_names(Settings.from_env(GOOD | {"HEIDI_ENV": "development"}), "SMS") == ("simulated",)
    assert provider_names(Settings.from_env(GOOD | {"SMS_PROVIDERS": "twilio"}), "SMS") == ("twilio",)


URLS = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")


@pytest.mark.parametrize("name", [*URLS, "SECRET_KEY", "ENCRYPTION_KEYS"])
def test_a_value_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(GOOD[name] + "\n")
    env = {key: value for key, value in GOOD.items() if key != name}
    assert Settings.from_env(env | {f"{name}_FILE": str(tmp_path / "secret")}) == Settings.from_env(GOOD)
    assert Settings.from_env(GOOD | {f"{name}_FILE": ""}) == Settings.from_env(GOOD)


def test_optional_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("smtp://user:pass@mail.example:587\n")
    settings = Settings.from_env(
        GOOD | dict.fromkeys(("SMTP_URL_FILE", "TWILIO_AUTH_TOKEN_FILE"), f"{tmp_path}/secret")
    )
    assert settings.smtp_url == "smtp://user:pass@mail.example:587" == settings.part(TwilioSettings).twilio_auth_token


def test_key_files_stay_paths_so_that_a_rotation_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"keys": []}')
    env = {name: value for name, value in GOOD.items() if name != "JWT_PUBLIC_KEYS"}
    path = str(tmp_path / "keys.json")
    settings = Settings.from_env(env | {"JWT_PUBLIC_KEYS_FILE": path, "JWT_PRIVATE_KEYS_FILE": path})
    assert settings.jwt_public_keys == settings.jwt_private_keys == path


def test_an_unreadable_file_or_a_variable_set_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "short").write_text("short")
    files = {"DATABASE_URL": "none", "REDIS_URL": "empty", "BROKER_URL": "bytes", "SECRET_KEY": "short"}
    env = {name: value for name, value in GOOD.items() if name not in files}
    wrong = {f"{name}_FILE": f"{tmp_path}/{file}" for name, file in files.items()}
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(env | wrong | {"ENCRYPTION_KEYS_FILE": f"{tmp_path}/short"})
    assert caught.value.problems == [
        f"DATABASE_URL_FILE: {tmp_path}/none cannot be read: No such file or directory",
        f"REDIS_URL_FILE: {tmp_path}/empty is empty",
        f"BROKER_URL_FILE: {tmp_path}/bytes is not text",
        "SECRET_KEY: needs 32 characters or more, from a random source",
        "ENCRYPTION_KEYS and ENCRYPTION_KEYS_FILE are both set: set one of them",
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("twilio=fast", "'twilio=fast' must be a provider and its messages per second, for example twilio=10"),
        ("twilio=0", "a rate must be more than 0"),
    ],
)
def test_a_bad_rate_is_explained(value: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(GOOD | {"PROVIDER_RATES": value})
    assert caught.value.problems == [f"PROVIDER_RATES: {reason}"]


def test_rates_are_read_by_provider() -> None:
    assert Settings.from_env(GOOD | {"PROVIDER_RATES": "twilio=10, sendgrid=0.5"}).provider_rates == {
        "twilio": 10,
        "sendgrid": 0.5,
    }
    assert Settings.from_env(GOOD).provider_rates == {}


def test_a_web_process_is_configured_in_the_same_way() -> None:
    assert WebProcess.from_env({}) == WebProcess()
    process = WebProcess.from_env(
        {"HEIDI_SERVICE": "city", "WEB_CONCURRENCY": "3", "WEB_THREADS": "", "BIND": "h:1,h:2"}
    )
    assert (process.service, process.workers, process.threads, process.bind) == ("city", 3, None, "h:1,h:2")
    with pytest.raises(ConfigError) as caught:
        WebProcess.from_env({"HEIDI_SERVICE": "town", "GRACEFUL_TIMEOUT": "soon"})
    assert caught.value.problems == [
        f"HEIDI_SERVICE: 'town' is not one of {', '.join(SERVICES)}, console, realtime",
        "GRACEFUL_TIMEOUT: 'soon' is not a whole number",
    ]
