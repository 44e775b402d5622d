"""Mail: the e-mails that a standalone platform has stored instead of delivering them."""

from __future__ import annotations

from flask import render_template

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.problems import ApiProblem
from heidi_console.components.paging import page_of
from heidi_console.pages.area import Area
from heidi_console.session import html_frames
from heidi_console.translations import lazy

area = Area("mail", lazy("Mail"), role=ADMIN, group=lazy("Communication"))


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


@area.show("/<mail_id>")
def show(mail_id: str) -> str:
    """One e-mail as HTML, text, headers and source."""
    mail = calls.get(f"/notifications/sink/{mail_id}").data
    return render_template("mail/show.html", mail=mail, frame=html_frames.keep(mail["html"]))
