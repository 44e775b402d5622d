"""The only HTTP client. URLs come from users, so it guards what it connects to.

The guard sits where the socket is made: the name is resolved once, every address that is
not public is dropped, and the connection goes to a checked address (a second answer of
the name server changes nothing), while TLS still asks for the name. Redirects are not
followed, the environment's proxies and .netrc are ignored, answers are limited in size,
and besides the time limit of each step there is one for the whole call: a server that
sends a byte now and then does not hold a worker.

    answer = http_client().request("POST", url, data=body, headers=headers)
"""

import time
from collections.abc import Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests import exceptions as broken
from urllib3.exceptions import DecodeError, HTTPError

from heidi_common.config.settings import Settings
from heidi_common.http_client.addresses import Network, literal, may_connect
from heidi_common.http_client.errors import (
    BlockedURLError,
    ConnectFailed,
    ConnectionLost,
    OutboundError,
    ResponseTooLarge,
    TimedOut,
)
from heidi_common.http_client.sockets import (
    CONNECT_TIMEOUT,
    GuardedAdapter,
    Resolver,
    TimedSocketCall,
    current_call,
    resolve,
)
from heidi_common.logger.request_id import request_id
from heidi_common.runtime import per_app

__all__ = [
    "BlockedURLError",
    "ConnectFailed",
    "ConnectionLost",
    "HttpClient",
    "OutboundError",
    "ResponseTooLarge",
    "TimedOut",
]

DEFAULT_TIMEOUT = 15.0
MAX_RESPONSE_BYTES = 1024 * 1024
_CHUNK = 16 * 1024


class HttpClient:
    """Safe for threads. One per process: connections to the same host are kept."""

    def __init__(
        self,
        allow_nets: Sequence[Network] = (),
        *,
        resolver: Resolver = resolve,
        ca_file: str | None = None,
    ) -> None:
        self._allow_nets = tuple(allow_nets)
        self._resolver = resolver
        # A connection that was made without the check must never serve a checked call.
        self._guarded = _session(ca_file)
        self._trusted = _session(ca_file)

    def url_error(self, url: str) -> str | None:
        """Why this URL can never be called, as far as that shows without a name server; None when it may be."""
        try:
            _check_url(url)
        except BlockedURLError as refusal:
            return f"{refusal.detail[0].upper()}{refusal.detail[1:]}."
        found = literal(urlsplit(url).hostname or "")
        if found and not any(may_connect(address, self._allow_nets) for address in found):
            return "This address is not on the public internet."
        return None

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        trusted: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
        truncate: bool = False,
    ) -> requests.Response:
        """Call ``url`` and read the whole answer, within ``timeout`` seconds altogether.

        ``trusted`` skips the address check, for URLs that we wrote ourselves (peers, a
        vendor's fixed URL). An answer over ``max_bytes`` is ``TooLarge``, or cut there
        with ``truncate``. Every ``OutboundError`` says in ``ambiguous`` whether the other
        side may have acted on the request.
        """
        if not trusted:
            _check_url(url)
        allow = None if trusted else self._allow_nets
        call = TimedSocketCall(time.monotonic() + timeout, allow, self._resolver)
        session = self._trusted if trusted else self._guarded
        with current_call(call):
            try:
                response = session.request(
                    method,
                    url,
                    params=params,
                    json=json,
                    data=data,
                    headers=_with_request_id(headers),
                    auth=auth,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    allow_redirects=False,
                    stream=True,
                )
                with response:
                    _read(response, call, max_bytes, truncate)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                raise _translate(error, call) from error
        return response


def _session(ca_file: str | None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "heidi", "Accept-Encoding": "identity"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter(pool_connections=50, pool_maxsize=50))
    return session


def _check_url(url: str) -> None:
    """What can be refused without looking at an address."""
    if not url.isprintable() or any(char in url for char in " \\"):
        raise BlockedURLError("the URL holds characters that do not belong there")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BlockedURLError(f"the URL is malformed: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise BlockedURLError("only http and https URLs are called")
    if not parts.hostname:
        raise BlockedURLError("the URL has no host")
    if "@" in parts.netloc:
        raise BlockedURLError("the URL holds credentials")


def _with_request_id(headers: Mapping[str, str] | None) -> dict[str, str]:
    current = request_id()
    return ({"X-Request-ID": current} if current else {}) | dict(headers or {})


def _read(response: requests.Response, call: TimedSocketCall, limit: int, truncate: bool) -> None:
    """Read the body into the response. Decoding is counted too, so that a small answer
    cannot unpack into a large one."""
    body = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > limit:
            if not truncate:
                raise ResponseTooLarge(f"the answer is larger than {limit} bytes")
            response.raw.close()  # unread bytes must not meet the next call on this connection
            break
        if time.monotonic() > call.deadline:
            raise TimedOut("the answer did not end in time", ambiguous=True)
    # Response has no public way to set the body; this is where .content looks.
    response._content = bytes(body[:limit])
    response._content_consumed = True  # type: ignore[attr-defined]


def _translate(error: Exception, call: TimedSocketCall) -> OutboundError:
    """requests' many errors in our few words. Whether bytes of the request were sent is
    known from the socket, not guessed from the error."""
    if call.expired() or isinstance(error, broken.Timeout | TimeoutError) or "timed out" in str(error):
        return TimedOut("no answer in time", ambiguous=call.sent)
    if isinstance(error, DecodeError | broken.ContentDecodingError):
        return ConnectionLost("the answer cannot be decoded", ambiguous=True)
    if call.sent:
        return ConnectionLost(f"the connection broke: {_reason(error)}", ambiguous=True)
    if isinstance(error, broken.SSLError):
        return ConnectFailed(f"TLS: {_reason(error)}")
    if isinstance(error, ValueError) and not isinstance(error, OSError | HTTPError):
        return BlockedURLError(f"not a request that can be sent: {error}")
    if isinstance(error, broken.InvalidURL | broken.InvalidHeader | broken.InvalidSchema | broken.MissingSchema):
        return BlockedURLError(f"not a request that can be sent: {error}")
    return ConnectFailed(_reason(error))


def _reason(error: BaseException) -> str:
    """The innermost cause; the outer ones only repeat the URL, which may hold a secret."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    if isinstance(inner, BaseException) and inner is not error:
        return _reason(inner)
    return f"{type(error).__name__}: {error}"[:200]


@per_app
def http_client(settings: Settings) -> HttpClient:
    """The client for all outgoing calls; it refuses addresses that are not public, except OUTBOUND_ALLOW_NETS."""
    return HttpClient(settings.outbound_allow_nets)
