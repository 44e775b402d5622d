"""The e-mails in the mail sink: written by the sink itself, read by administrators, audited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_standalone.servers.mail_sink import MaildirHandler
from tests.conftest import SignedIn
from tests.notification.conftest import reconfigure  # noqa: F401  # a fixture

URL = "/api/v1/notifications/sink"
MIXED = b"""From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r
To: ann@example.org\r
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: multipart/alternative; boundary=a\r
\r
--a\r
Content-Type: text/plain; charset=iso-8859-1\r
\r
Gr\xfc\xdfe\r
--a\r
Content-Type: text/html; charset=utf-8\r
\r
<b>Gr\xc3\xbc\xc3\x9fe</b><script>alert(1)</script>\r
--a--\r
--b\r
Content-Type: application/pdf\r
Content-Disposition: attachment; filename=a.pdf\r
\r
%PDF\r
--b--\r
"""


@pytest.fixture
def sink(tmp_path: Path, reconfigure: Callable[..., Any]) -> Callable[..., str]:  # noqa: F811
    """Store an e-mail as the mail sink does; returns its ID."""
    reconfigure(mail_sink_folder=str(tmp_path / "mail"))
    handler = MaildirHandler(tmp_path / "mail")

    def store(content: bytes, *recipients: str) -> str:
        envelope = Envelope()
        envelope.mail_from, envelope.rcpt_tos, envelope.content = "a@example.org", list(recipients), content
        with ThreadPoolExecutor(1) as thread:  # this thread may have an event loop already
            storing = handler.handle_DATA(None, None, envelope)  # type: ignore[arg-type]
            reply: str = thread.submit(asyncio.run, storing).result()
        return reply.removeprefix("250 ")

    return store


def test_an_email_is_shown_with_its_parts(
    client: FlaskClient, as_user: Callable[..., SignedIn], sink: Callable[..., str]
) -> None:
    admin, mail_id = as_user(Role.ADMIN), sink(MIXED, "ann@example.org", "hidden@example.org")
    [listed] = client.get(URL, headers=admin.headers).json["data"]
    assert listed["id"] == mail_id
    assert listed["subject"] == "Grüße"
    assert listed["from"] == "Jörg <joerg@example.org>"
    assert listed["recipients"] == ["ann@example.org", "hidden@example.org"]
    mail = client.get(f"{URL}/{mail_id}", headers=admin.headers).json["data"]
    assert mail["text"].strip() == "Grüße"
    assert "<b>Grüße</b>" in mail["html"]
    assert mail["attachments"] == [{"filename": "a.pdf", "contentType": "application/pdf", "size": 4}]
    assert {"name": "To", "value": "ann@example.org"} in mail["headers"]
    assert "Content-Type: multipart/mixed" in mail["source"]
    actions = select(Audit.action).where(Audit.actor == str(admin.user.id)).order_by(Audit.position)
    assert db.session.scalars(actions).all()[-2:] == ["mail_sink_listed", "mail_sink_read"]


def test_pages_are_newest_first(
    client: FlaskClient, as_user: Callable[..., SignedIn], sink: Callable[..., str]
) -> None:
    admin = as_user(Role.ADMIN)
    stored = [sink(b"Subject: %d\r\n\r\nText" % number, "ann@example.org") for number in range(3)]
    first = client.get(f"{URL}?limit=2&total=true", headers=admin.headers).json
    assert first["meta"]["total"] == 3
    query = {"limit": 2, "cursor": first["meta"]["nextCursor"]}
    second = client.get(URL, query_string=query, headers=admin.headers).json
    assert [mail["id"] for mail in first["data"] + second["data"]] == stored[::-1]
    assert not second["meta"]["hasMore"]
    assert client.get(f"{URL}?cursor=invented", headers=admin.headers).status_code == 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no headers at all",
        b"Subject: \xff\xfe\r\nFrom: <<>>@\r\nTo: ,,;\r\n\r\nText",
        b"Content-Type: text/plain; charset=klingon\r\n\r\nText",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Subject: a\x00b\r\n\r\n\x00",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nText",
        b"Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-b+AD4-",
    ],
    ids=["empty", "text", "broken", "charset", "boundary", "base64", "nul", "nested", "utf-7"],
)
def test_any_email_can_be_read(
    client: FlaskClient, as_user: Callable[..., SignedIn], sink: Callable[..., str], content: bytes
) -> None:
    admin, mail_id = as_user(Role.ADMIN), sink(content, "ann@example.org")
    assert [mail["id"] for mail in client.get(URL, headers=admin.headers).json["data"]] == [mail_id]
    response = client.get(f"{URL}/{mail_id}", headers=admin.headers)
    assert response.status_code == 200
    assert response.json["data"]["id"] == mail_id


@pytest.mark.parametrize("mail_id", ["1.2_3.heidi", "..", "%2e%2e%2fenv", "1.2_3.heidi%0a", "x"])
def test_other_files_cannot_be_read(
    client: FlaskClient, as_user: Callable[..., SignedIn], sink: Callable[..., str], mail_id: str
) -> None:
    assert client.get(f"{URL}/{mail_id}", headers=as_user(Role.ADMIN).headers).status_code == 404


def test_without_a_sink_the_reason_is_given(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    for url in (URL, f"{URL}/1.2_3.heidi"):
        response = client.get(url, headers=as_user(Role.ADMIN).headers)
        assert (response.status_code, response.json["code"]) == (404, "no_mail_sink")
        assert "make run" in response.json["detail"]


@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
def test_only_administrators_read_emails(client: FlaskClient, as_user: Callable[..., SignedIn], role: Role) -> None:
    assert client.get(URL, headers=as_user(role).headers).status_code == 403
