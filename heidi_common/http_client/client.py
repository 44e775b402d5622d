"""The only HTTP client. URLs come from users, so it checks the addresses that it connects to (SSRF protection).

The check is made where the socket is created: the name is resolved once, addresses that are not public are dropped,
and the connection goes to a checked address. A different second response of the name server (DNS rebinding) has no
effect. TLS still verifies the name. Redirects are not followed, proxies and .netrc of the environment are ignored,
and the size of responses is limited. Each call has a deadline, so that a server which sends a byte now and then does
not block a worker.

    response = http_client().request("POST", url, data=body, headers=headers)
"""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from heidi_common.config.settings import Settings
from heidi_common.http_client.addresses import Network, is_allowed, literal_addresses
from heidi_common.http_client.client_certificates import ClientCertificate
from heidi_common.http_client.error_translation import translate_error
from heidi_common.http_client.errors import BlockedURLError, ResponseTooLarge, TimedOut
from heidi_common.http_client.sockets import (
    CONNECT_TIMEOUT,
    GuardedAdapter,
    Resolver,
    TimedSocketCall,
    current_call,
    resolve,
)
from heidi_common.http_client.urls import check_url
from heidi_common.logger.request_id import request_id
from heidi_common.runtime import per_app
from heidi_common.tracing import spans

DEFAULT_TIMEOUT = 15.0
MAX_RESPONSE_BYTES = 1024 * 1024
OPTIONAL_BODY_SECONDS = 2.0
MAX_CERTIFICATES = 32
"""For how many client certificates connections are kept open."""
_CHUNK = 16 * 1024


class HttpClient:
    """An HTTP client that keeps connections open. Safe for threads; a process needs only one.

    Args:
        allow_nets: Networks that may be called although they are not public.
        resolver: Resolves a host and a port to addresses, as text.
        ca_file: The path of a PEM file with the trusted CA certificates; by default those of `certifi`.
    """

    def __init__(
        self,
        allow_nets: Sequence[Network] = (),
        *,
        resolver: Resolver = resolve,
        ca_file: str | None = None,
    ) -> None:
        self._allow_nets = tuple(allow_nets)
        self._resolver = resolver
        # Separate pools: a connection that was opened without the check must never be used for a checked call.
        self._guarded = _session(ca_file)
        self._trusted = _session(ca_file)
        self._certified = lru_cache(maxsize=MAX_CERTIFICATES)(partial(_session, ca_file))

    def url_error(self, url: str) -> str | None:
        """Check a URL before it is stored, without a name server.

        Args:
            url: The URL that a user has entered.

        Returns:
            A sentence that says why the URL can never be called, or None if no reason is known.
        """
        try:
            check_url(url)
        except BlockedURLError as error:
            return f"{error.detail[0].upper()}{error.detail[1:]}."
        addresses = literal_addresses(urlsplit(url).hostname or "")
        if addresses and not any(is_allowed(address, self._allow_nets) for address in addresses):
            return "The address is not on the public internet."
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
        body_optional: bool = False,
        certificate: ClientCertificate | None = None,
    ) -> requests.Response:
        """Send a request and read the whole response.

        Args:
            method: The HTTP method.
            url: The URL.
            params: The query, added to the URL.
            json: A JSON body.
            data: A form (mapping) or a raw body (bytes).
            headers: Further headers. X-Request-ID is added, and `traceparent` if the process traces.
            auth: User name and password for HTTP basic authentication.
            timeout: The limit for the whole call, in seconds.
            trusted: Skip the check of the address. Only for URLs that are not entered by users, such as those of
                other services and of providers.
            max_bytes: The largest body, in bytes after decompression.
            truncate: Cut a larger body off instead of raising.
            body_optional: The status is the result. A body that is malformed, breaks off or lasts longer than
                OPTIONAL_BODY_SECONDS is returned as far as it was read.
            certificate: The client certificate that is presented to the server. Not for trusted calls.

        Returns:
            The response with its body, whatever its status is.

        Raises:
            BlockedURLError: The URL may not be called.
            ConnectFailed: There was no connection. Nothing was sent.
            TimedOut: The call took longer than `timeout`.
            ConnectionLost: The connection broke after the request was sent.
            ResponseTooLarge: The body is larger than `max_bytes`.
        """
        if not trusted:
            check_url(url)
        allow = None if trusted else self._allow_nets
        call = TimedSocketCall(time.monotonic() + timeout, allow, self._resolver)
        session = self._trusted if trusted else self._certified(certificate) if certificate else self._guarded
        response = None
        with current_call(call), spans.span(method, "client", _span_attributes(method, url)) as span:
            try:
                response = session.request(
                    method,
                    url,
                    params=params,
                    json=json,
                    data=data,
                    headers=_with_cause(headers),
                    auth=auth,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    allow_redirects=False,
                    stream=True,
                )
                if span is not None:
                    span.set_attribute("http.response.status_code", response.status_code)
                if body_optional:
                    call.deadline = min(call.deadline, time.monotonic() + OPTIONAL_BODY_SECONDS)
                with response:
                    _read(response, call, max_bytes, truncate)
            except (requests.RequestException, HTTPException, HTTPError, OSError, ValueError, TimedOut) as error:
                if body_optional and call.status is not None:
                    return response if response is not None else _status_only(call.status)
                if isinstance(error, TimedOut):
                    raise
                raise translate_error(error, call) from error
        return response


def _session(ca_file: str | None, certificate: ClientCertificate | None = None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "heidi", "Accept-Encoding": "identity"})
    context = certificate.load_into(create_urllib3_context()) if certificate else None
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter(ssl_context=context, pool_connections=50, pool_maxsize=50))
    return session


def _with_cause(headers: Mapping[str, str] | None) -> dict[str, str]:
    cause = {"X-Request-ID": request_id(), "traceparent": spans.traceparent()}
    return {name: value for name, value in cause.items() if value} | dict(headers or {})


def _span_attributes(method: str, url: str) -> dict[str, str]:
    """Without the path, which contains the secret of some webhooks."""
    return {"http.request.method": method, "server.address": urlsplit(url).hostname or ""}


def _status_only(status: int) -> requests.Response:
    """A response of which only the first line was read, because its headers are malformed."""
    response = requests.Response()
    response.status_code = status
    _set_body(response, b"")
    return response


def _read(response: requests.Response, call: TimedSocketCall, limit: int, truncate: bool) -> None:
    """Read the body into the response. The limit applies to the decompressed body."""
    body = bytearray()
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > limit:
                if not truncate:
                    raise ResponseTooLarge(f"the response is larger than {limit} bytes")
                response.raw.close()  # the next call on this connection must not read the rest
                break
            if time.monotonic() > call.deadline:
                raise TimedOut("the response did not end in time", ambiguous=True)
    except Exception:
        response.raw.close()
        raise
    finally:
        _set_body(response, bytes(body[:limit]))


def _set_body(response: requests.Response, body: bytes) -> None:
    """Private API of requests 2.34: Response has no public way to set the body that `content` returns."""
    response._content = body
    response._content_consumed = True  # type: ignore[attr-defined]


@per_app
def http_client(settings: Settings) -> HttpClient:
    """The client of the current app. Addresses that are not public are blocked, except OUTBOUND_ALLOW_NETS."""
    return HttpClient(settings.outbound_allow_nets)
