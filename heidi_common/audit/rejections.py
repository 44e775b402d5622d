"""Audit entries for rejected tokens and forbidden requests."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from heidi_common.audit.sampler import Sampler
from heidi_common.audit.trail import is_audited, mark_audited, record_failure
from heidi_common.config.settings import Settings
from heidi_common.problems import Problem
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)


def init_audit(app: Flask) -> None:
    """Record each 403, and each 401 to a request with a token, unless the service has recorded the failure itself."""
    app.after_request(_record_rejection)


@per_app
def token_failure_sampler(settings: Settings) -> Sampler:
    """The sampler of the current app for rejected tokens."""
    return Sampler()


def record_token_failure(
    action: str,
    reason: str,
    *,
    actor: UUID | str | None = None,
    target: UUID | str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Record that a token was rejected: one row per minute for each address, action and reason, in each process.

    A client without a token can send any number of invalid ones, and audit rows are written one after the other. The
    `leftOut` of a row counts the failures that were not recorded before it; the access log has a line for each.

    Args:
        action: The audit action, such as `authn_token_invalid`.
        reason: Why the token was rejected.
        actor: The id of the user or client who acted, if known.
        target: The id or the fingerprint of what the token is about, if known.
        detail: Further JSON. It must not contain personal data or secrets.
    """
    mark_audited()
    sampler = token_failure_sampler()
    if sampler.should_record((request.remote_addr, action, reason)):
        suppressed = sampler.take_suppressed()
        detail = {"reason": reason, **(detail or {})} | ({"leftOut": suppressed} if suppressed else {})
        record_failure(action, actor=actor, target=target, detail=detail)


def _record_rejection(response: Response) -> Response:
    if response.status_code in (401, 403) and "Authorization" in request.headers and not is_audited():
        try:
            _record_status(response.status_code)
        except (SQLAlchemyError, Problem):
            # The request is rejected in any case; a failure to record that must not change the response.
            log.warning(
                "a rejected request could not be recorded in the audit trail", extra={"status": response.status_code}
            )
    return response


def _record_status(status: int) -> None:
    route = {"method": request.method, "route": request.url_rule.rule if request.url_rule else None}
    if status == 403:
        caller = g.get("caller")
        record_failure("authz_fail", actor=caller.claims["sub"] if caller else None, detail=route)
    else:
        problem: Problem | None = g.get("problem")
        record_token_failure("authn_token_invalid", str(problem), detail=route)
