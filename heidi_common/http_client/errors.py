"""How a call to the outside can end without an answer."""


class OutboundError(Exception):
    """``ambiguous``: the other side may have acted on the request, we cannot know."""

    def __init__(self, detail: str, *, ambiguous: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.ambiguous = ambiguous


class BlockedURLError(OutboundError):
    """We do not call this: not an http(s) URL, or an address that is not public."""


class ConnectFailed(OutboundError):
    """No such host, nobody listens, or TLS could not be agreed on. Nothing was sent."""


class TimedOut(OutboundError):
    """Too slow; ambiguous unless it happened before anything was sent."""


class ConnectionLost(OutboundError):
    """The connection broke, or the answer was unreadable, after the request was sent."""


class ResponseTooLarge(OutboundError):
    """The answer is larger than the caller wants to hold."""
