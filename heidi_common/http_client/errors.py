"""Errors of outgoing calls that did not lead to a complete response."""


class OutboundError(Exception):
    """Base of all errors of outgoing calls.

    Attributes:
        detail: What went wrong, without secrets of the URL.
        ambiguous: Whether the server may have acted on the request, so that repeating it could act twice.
    """

    def __init__(self, detail: str, *, ambiguous: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.ambiguous = ambiguous


class BlockedURLError(OutboundError):
    """The URL may not be called: it is not an http(s) URL, or its address is not public. Nothing was sent."""


class ConnectFailed(OutboundError):
    """The name could not be resolved, the connection was refused, or TLS failed. Nothing was sent."""


class TimedOut(OutboundError):
    """The call took too long. It is ambiguous unless it timed out before anything was sent."""


class ConnectionLost(OutboundError):
    """The connection broke, or the response could not be read, after the request was sent."""


class ResponseTooLarge(OutboundError):
    """The response is larger than the caller accepts."""
