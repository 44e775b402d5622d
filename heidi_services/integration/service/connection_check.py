"""Calls that an owner asks for: is the provider, or the endpoint, there?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.integration.models import Integration
from heidi_services.integration.providers import PROVIDERS, Call
from heidi_services.integration.service import credential_store, integration_log
from heidi_services.integration.service.webhook_client import Answer, call, message, post_signed


@dataclass(frozen=True)
class Checked:
    """What the owner is told. `status` is the HTTP status, None without an answer."""

    ok: bool
    status: int | None
    duration_ms: int
    detail: str


def check(integration: Integration, action: str, now: datetime | None = None) -> Checked:
    """One real call: the provider's API when there is a key for it, else a signed message to the `webhookUrl`."""
    now = now or utcnow()
    integration_id = integration.id
    try:
        credentials = credential_store.credentials_of(integration)
        secrets = credential_store.signing_secrets(integration, now)
    except DecryptionError:
        return Checked(False, None, 0, "The stored secrets cannot be opened; write them again.")
    provider, url = PROVIDERS[integration.provider], integration.webhook_url
    probe = provider.probe(credentials)
    # Reading has opened a transaction, and none may be open during the call.
    db.session.rollback()
    if probe is not None:
        answer = ask_provider(probe, credentials, now)
        ok = answer.status_code is not None and _holds(provider.answered, answer)
        checked = _told(answer, ok, urlsplit(probe.url).hostname)
    elif url is not None:
        body = message(f"integration.{action}", now, {"integrationId": str(integration_id)})
        answer = post_signed(url, secrets, str(uuid7()), body, now)
        checked = _told(answer, answer.ok, urlsplit(url).hostname)
    else:
        return Checked(False, None, 0, "There is nothing to call: no API key and no webhookUrl.")
    note_call(integration_id, action, checked.ok, answer)
    return checked


def ask_provider(wanted: Call, credentials: dict[str, str], now: datetime, limit: int | None = None) -> Answer:
    """The vendor's address is written in our source, so it is not checked like one that a user gave."""
    options = {} if limit is None else {"kept": limit}
    return call(
        wanted.method,
        wanted.url,
        headers=wanted.headers,
        params=wanted.params,
        secrets=list(credentials.values()),
        now=now,
        trusted=True,
        **options,
    )


def _holds(answered: object, answer: Answer) -> bool:
    """A provider that answers nonsense is not there."""
    try:
        return bool(answered(answer.status_code, answer.body.encode()))  # type: ignore[operator]
    except (ValueError, AttributeError):
        return False


def _told(answer: Answer, ok: bool, host: str | None) -> Checked:
    detail = f"{host} answered {answer.status_code}." if answer.status_code else f"{host}: {answer.error}"
    if answer.status_code and not ok and answer.ok:
        detail += " The answer says that the credentials do not hold."
    return Checked(ok, answer.status_code, answer.duration_ms, detail)


def note_call(integration_id: object, action: str, ok: bool, answer: Answer) -> None:
    """The log line of a call; an integration that was removed meanwhile has no log any more."""
    with transaction():
        found = db.session.get(Integration, integration_id, with_for_update={"read": True, "key_share": True})
        if found is not None:
            integration_log.note(
                found.id,
                "OUT",
                action,
                "SUCCESS" if ok else "FAILED",
                status_code=answer.status_code,
                duration_ms=answer.duration_ms,
                response={"body": answer.body[:1000]} if answer.body else None,
                error=answer.error,
            )
