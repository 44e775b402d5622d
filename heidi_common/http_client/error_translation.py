"""Translation of the errors of requests and urllib3 to the errors of this package."""

from requests import exceptions
from urllib3.exceptions import DecodeError, HTTPError

from heidi_common.http_client.errors import (
    BlockedURLError,
    ConnectFailed,
    ConnectionLost,
    OutboundError,
    TimedOut,
)
from heidi_common.http_client.sockets import TimedSocketCall

_INVALID_REQUEST = (
    exceptions.InvalidURL,
    exceptions.InvalidHeader,
    exceptions.InvalidSchema,
    exceptions.MissingSchema,
)


def translate_error(error: Exception, call: TimedSocketCall) -> OutboundError:
    """Translate an exception of a call.

    Args:
        error: What requests, urllib3 or a socket has raised.
        call: The call. It knows from the socket whether the request was sent.
    """
    if call.expired() or isinstance(error, exceptions.Timeout | TimeoutError) or "timed out" in str(error):
        return TimedOut("no response in time", ambiguous=call.sent)
    if isinstance(error, DecodeError | exceptions.ContentDecodingError):
        return ConnectionLost("the response cannot be decoded", ambiguous=True)
    if call.sent:
        return ConnectionLost(f"the connection broke: {_reason(error)}", ambiguous=True)
    if isinstance(error, exceptions.SSLError):
        return ConnectFailed(f"TLS: {_reason(error)}")
    if isinstance(error, ValueError) and not isinstance(error, OSError | HTTPError):
        return BlockedURLError(f"the request cannot be sent: {error}")
    if isinstance(error, _INVALID_REQUEST):
        return BlockedURLError(f"the request cannot be sent: {error}")
    return ConnectFailed(_reason(error))


def _reason(error: BaseException) -> str:
    """The innermost cause. The outer errors repeat the URL, which may contain a secret."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    if isinstance(inner, BaseException) and inner is not error:
        return _reason(inner)
    return f"{type(error).__name__}: {error}"[:200]
