"""The ping URLs of monitors, and their badges. They need no token: the key in the URL is one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from heidi_common.interceptors.transform import Blueprint
from heidi_common.interceptors.validation import any_query
from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import RAW_BODY
from heidi_common.problems import Invalid, NotFound
from heidi_services.scheduler.enums import MonitorStatus, PingKind
from heidi_services.scheduler.service.monitors import queries
from heidi_services.scheduler.service.monitors.badge import draw_badge
from heidi_services.scheduler.service.monitors.pings import MAX_BODY_BYTES, Ping, record_ping

blp = Blueprint("pings", __name__, description="Pings of jobs that run elsewhere, and status badges")

KINDS = {"start": PingKind.START, "success": PingKind.SUCCESS, "fail": PingKind.FAIL, "log": PingKind.LOG}
PING = "/ping/<token>"
OUTCOME = f"{PING}/<outcome>"
UNLIMITED = 2**62
"""Bytes. The router has its own limit (MAX_WEBHOOK_BYTES)."""
TEXT = {"content_type": "text/plain", "description": "OK"}


@blp.route(PING, methods=["GET"])
@public
@any_query
@blp.response(200, **TEXT)
def report_success(token: str) -> Response:
    """Report that a job has succeeded. `rid`, a UUID, names the run, if runs may overlap."""
    return _record(token, "success")


@blp.route(PING, methods=["POST"])
@public
@any_query
@blp.doc(requestBody=RAW_BODY)
@blp.response(200, **TEXT)
def post_success(token: str) -> Response:
    """Report that a job has succeeded, with its output as body. Of more than 100 kB, the start is stored."""
    return _record(token, "success")


@blp.route(OUTCOME, methods=["GET"])
@public
@any_query
@blp.response(200, **TEXT)
def report_outcome(token: str, outcome: str) -> Response:
    """Report `start`, `success`, `fail`, `log`, or the exit status of a job: 0 is a success, 1 to 255 a failure."""
    return _record(token, outcome)


@blp.route(OUTCOME, methods=["POST"])
@public
@any_query
@blp.doc(requestBody=RAW_BODY)
@blp.response(200, **TEXT)
def post_outcome(token: str, outcome: str) -> Response:
    """Report `start`, `success`, `fail`, `log` or the exit status of a job, with its output as body."""
    return _record(token, outcome)


@blp.route("/badge/<token>", methods=["GET"])
@public
@any_query
@blp.response(200, content_type="image/svg+xml", description="the status as an image")
def show_badge(token: str) -> Response:
    """Show the status of a monitor as an SVG image, to be embedded in pages. The URL is `badgeUrl` of the monitor."""
    monitor = queries.find_by_badge(_key(token.removesuffix(".svg"), "badge"))
    # Pages of other sites embed it; proxies of code hosts keep images that may be cached.
    headers = {"Cache-Control": "no-cache, max-age=0", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(draw_badge(monitor.name, MonitorStatus(monitor.status)), mimetype="image/svg+xml", headers=headers)


def _record(token: str, outcome: str) -> Response:
    kind, exit_status = _parse_outcome(outcome)
    key, run, user_agent = _key(token, "ping URL"), _run(), request.headers.get("User-Agent")
    record_ping(key, Ping(kind, request.method, exit_status, run, user_agent, _body()))
    return Response("OK", mimetype="text/plain")


def _parse_outcome(outcome: str) -> tuple[PingKind, int | None]:
    if outcome in KINDS:
        return KINDS[outcome], None
    if outcome.isascii() and outcome.isdigit() and len(outcome) <= 3 and int(outcome) <= 255:
        return (PingKind.FAIL if int(outcome) else PingKind.SUCCESS), int(outcome)
    raise NotFound("A ping URL ends with the key, `/start`, `/success`, `/fail`, `/log` or an exit status (0 to 255).")


def _key(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"No monitor has this {what}.") from None


def _run() -> UUID | None:
    run = request.args.get("rid")
    try:
        return UUID(run) if run else None
    except ValueError:
        raise Invalid.field("/query/rid", "Must be a UUID that is the same in the pings of one run.") from None


def _body() -> bytes:
    """The start of the body. However long it is (up to the limit of the router), the ping counts."""
    request.max_content_length = UNLIMITED
    return request.stream.read(MAX_BODY_BYTES + 1)
