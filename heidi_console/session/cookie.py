"""Flask's `session`, stored in Redis. The cookie holds only a random ID."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from heidi_common.config.settings import Settings
from heidi_console.session import store
from heidi_console.session.problems import SessionsUnavailable

ANONYMOUS_SECONDS = 3600
"""How long a session without sign-in is kept: long enough to fill in the form."""


class ConsoleSession(CallbackDict[str, Any], SessionMixin):
    """The session of a browser.

    Attributes:
        id: The random ID; None before the session is stored for the first time.
        tokens: The tokens and the user, if the user is signed in (see `signed_in.py`).
        unavailable: Whether Redis could not be read.
        is_new: Whether the browser does not have the ID yet.
        replaced_id: The ID before sign-in. It is deleted, so that an ID from before cannot be used (session fixation).
    """

    def __init__(self, session_id: str | None = None, fields: store.Fields | None = None) -> None:
        def changed(_: object) -> None:
            self.modified = True

        fields = fields or {}
        super().__init__(fields.get(store.DATA) or {}, changed)
        self.modified = False
        self.id = session_id
        self.tokens: dict[str, Any] | None = fields.get(store.TOKENS)
        self.unavailable = False
        self.is_new = session_id is None
        self.replaced_id: str | None = None

    def replace_id(self) -> str:
        """Give the session a new ID, as each sign-in must."""
        self.replaced_id, self.id = self.id, store.new_id()
        self.is_new = self.modified = True
        return self.id


class RedisSessions(SessionInterface):
    """Loads and saves the session.

    Args:
        settings: `PUBLIC_BASE_URL` says whether browsers use TLS; the idle time of sessions is that of the API.
    """

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.public_base_url.startswith("https://")
        self._seconds = settings.session_idle_seconds
        # The prefix makes browsers require Secure, Path=/ and no Domain.
        self.cookie_name = "__Host-heidi_console" if self._secure else "heidi_console"

    def get_cookie_name(self, app: Flask) -> str:
        return self.cookie_name

    def open_session(self, app: Flask, request: Request) -> ConsoleSession:
        """Load the session of a request. An unknown ID is never adopted."""
        session_id = request.cookies.get(self.cookie_name)
        if not session_id or request.endpoint in ("static", "health.healthz", "health.readyz"):
            return ConsoleSession()
        try:
            fields = store.load(session_id)
        except SessionsUnavailable:
            session = ConsoleSession()
            session.unavailable = True
            return session
        return ConsoleSession(session_id, fields) if fields else ConsoleSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save a changed session, and send its ID if it is new."""
        if not isinstance(session, ConsoleSession) or session.unavailable or not session.modified:
            return
        session.id = session.id or store.new_id()
        seconds = self._seconds if session.tokens else ANONYMOUS_SECONDS
        store.save(session.id, store.DATA, dict(session), seconds=seconds)
        if session.replaced_id:
            store.delete(session.replaced_id)
        if session.is_new:
            self._set_cookie(response, session.id)

    def _set_cookie(self, response: Response, session_id: str) -> None:
        response.set_cookie(self.cookie_name, session_id, path="/", secure=self._secure, httponly=True, samesite="Lax")
