"""Why the server closes a socket."""

from enum import IntEnum


class Code(IntEnum):
    """Codes beside those of RFC 6455, section 7.4.1."""

    DONE = 1000
    INTERNAL = 1011
    BAD_MESSAGE = 4000
    UNAUTHORIZED = 4001
    TOO_SLOW = 4008
    TOO_MANY = 4029
