"""Mail: the e-mails that a standalone platform has stored instead of delivering them."""

from __future__ import annotations

from uuid import UUID

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.problems import ApiProblem
from heidi_console.components.paging import page_of
from heidi_console.pages.area import Area
from heidi_console.pages.responses import part
from heidi_console.session import html_frames
from heidi_console.translations import lazy

area = Area("mail", lazy("Mail"), role=ADMIN, group=lazy("Communication"))
MAX_CANDIDATES = 20
"""E-mails with the subject of a message that are read to find the one of the message."""


@area.list()
def list_() -> str:
    """The e-mails, newest first."""
    try:
        response = calls.get("/notifications/sink", **page_of())
    except ApiProblem as problem:
        if problem.code != "no_mail_sink":
            raise
        return render_template("mail/list.html", mails=None, meta={})
    return render_template("mail/list.html", mails=response.data, meta=response.meta)


@area.list("/of-message/<uuid:message_id>")
def list_of_message(message_id: UUID) -> Response:
    """Lead from a message to its e-mail; to the list if the latest e-mails have it not."""
    message = calls.get(f"/notifications/{message_id}").data
    sent = calls.get(f"/notifications/{message_id}/attempts", limit=100).data
    ids = {attempt["providerId"] for attempt in sent if attempt["providerId"]}
    latest = part("/notifications/sink", limit=100) or []
    candidates = [mail["id"] for mail in latest if mail["subject"] == message["subject"]][:MAX_CANDIDATES]
    found = (mail_id for mail_id in candidates if _message_id(mail_id) in ids)
    mail_id = next(found, None)
    return redirect(url_for("mail.show", mail_id=mail_id) if mail_id else url_for("mail.list"), 303)


def _message_id(mail_id: str) -> str | None:
    headers = (part(f"/notifications/sink/{mail_id}") or {}).get("headers", ())
    return next((each["value"].strip() for each in headers if each["name"].lower() == "message-id"), None)


@area.show("/<mail_id>")
def show(mail_id: str) -> str:
    """One e-mail as HTML, text, headers and source."""
    mail = calls.get(f"/notifications/sink/{mail_id}").data
    return render_template("mail/show.html", mail=mail, frame=html_frames.keep(mail["html"]))
