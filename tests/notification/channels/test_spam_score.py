"""SpamAssassin, with the rules of the distribution, takes e-mails with attachments for legitimate ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from email import message_from_bytes
from mailbox import mbox
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_services.notification.service.attachments import selection
from tests.conftest import SignedIn
from tests.files.test_processing import photo
from tests.notification.channels.test_email_options import dns, publish, run, sent_mail  # noqa: F401  # fixtures
from tests.notification.conftest import mail  # noqa: F401  # a fixture
from tests.notification.dns_server import NameServer
from tests.notification.mailserver import MailServer
from tests.notification.test_attachments import upload

TEXT = (
    "Good morning Ada,\n\nplease find the invoice of October attached. It is due on 30 November. Reply to this message "
    "if an item is not what you ordered.\n\nKind regards\nThe billing team of Acme\n"
)
HTML = "".join(f"<p>{part}</p>" for part in TEXT.split("\n\n"))
LIMIT = 5.0
"""From this score on, SpamAssassin's default settings mark an e-mail as spam."""
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The test text of SpamAssassin, which has a score of 1,000."""
SEPARATOR = b"From no-reply@acme.example Sat Nov 28 09:00:00 2026\n"
STATUS = re.compile(r"\w+, score=(-?[\d.]+) required=[\d.]+ tests=([\w,]*)")


def scored(contents: list[bytes], server: NameServer, folder: Path) -> list[tuple[float, set[str]]]:
    """The score of each e-mail, and the rules that it matches; without the block lists of the Internet."""
    box = folder / "mbox"
    box.write_bytes(b"".join(SEPARATOR + content.replace(b"\r\n", b"\n") + b"\n" for content in contents))
    host, port = server.address.split(":")
    settings = [f"dns_server [{host}]:{port}", "dns_available yes", "skip_rbl_checks 1", "use_bayes 0"]
    (folder / "preferences").touch()
    command = ["spamassassin", "--mbox", "--prefs-file", str(folder / "preferences")]
    command += [f"--cf={line}" for line in settings]
    output = subprocess.run([*command, str(box)], capture_output=True, check=True, timeout=300).stdout
    (folder / "scored").write_bytes(output)
    with closing(mbox(folder / "scored")) as marked:
        by_id = {message["Message-ID"]: re.sub(r"\n\s+", "", message["X-Spam-Status"]) for message in marked}
    assert len(by_id) == len(contents), output[-2000:]
    return [_score(by_id[message_from_bytes(content)["Message-ID"]]) for content in contents]


def _score(status: str) -> tuple[float, set[str]]:
    match = STATUS.match(status)
    assert match, status
    return float(match[1]), set(match[2].split(","))


def test_signed_messages_with_attachments_are_legitimate(
    app: Flask,
    client: FlaskClient,
    as_user: Callable[..., SignedIn],
    mail: MailServer,  # noqa: F811
    dns: NameServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not shutil.which("spamassassin"):
        reason = "spamassassin is not installed (Debian: apt-get install spamassassin)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    monkeypatch.setattr(selection, "MAX_ATTACHED_BYTES", 100_000)
    admin = as_user(Role.ADMIN, email="ada@example.org", first_name="Ada", last_name="Lovelace")
    run(app, "add", "acme.example", "--selector", "s1")
    publish(dns, "acme.example")
    run(app, "verify", "acme.example")
    pdf, image = upload(client, admin), upload(client, admin, photo("PNG"), "Lieferung Größe.png")
    large = upload(client, admin, b"%PDF-1.4\n" + os.urandom(120_000), "catalogue.pdf")
    text: dict[str, Any] = {"subject": "Your invoice of October", "from": "Acme Billing <billing@acme.example>"}
    messages = {
        "text": {"content": TEXT},
        "an attachment": {"content": TEXT, "attachments": [pdf]},
        "HTML and two attachments": {"html": HTML, "attachments": [pdf, image]},
        "a link instead of a large attachment": {"html": HTML, "attachments": [pdf, large]},
        "copies": {"html": HTML, "attachments": [pdf], "replyTo": "help@acme.example", "cc": ["b@example.org"]},
        "spam": {"content": GTUBE},
    }
    for body in messages.values():
        sent_mail(client, admin, mail, **text, **body)
    results = dict(zip(messages, scored(mail.handler.contents, dns, tmp_path), strict=True))
    assert results.pop("spam")[0] > 900, "the rules are in force"
    for name, (score, rules) in results.items():
        assert score < LIMIT / 5, (name, score, rules)
        assert {"DKIM_SIGNED", "DKIM_VALID", "DKIM_VALID_AU"} <= rules, (name, score, rules)
