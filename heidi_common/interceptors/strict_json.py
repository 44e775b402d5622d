"""Parse JSON bodies strictly: duplicate keys, NaN, Infinity and numbers that overflow are rejected."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from heidi_common.problems import BadRequest

INT64 = 2**63
_MAX_DIGITS = 20
"""Longer integers are rejected unparsed, since parsing takes quadratic time."""


def read_json(body: bytes) -> Any:
    """Parse a JSON text.

    Args:
        body: The text in UTF-8, from an untrusted source.

    Raises:
        BadRequest: The text is malformed or too deeply nested, has duplicate keys, or has numbers outside the range of
            64 bits.
    """
    try:
        return _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, _NotStrict) else "The request body must be well-formed JSON in UTF-8."
        raise BadRequest(detail, code="malformed_json") from None


class _NotStrict(ValueError):
    """The JSON is accepted by Python's decoder but not by the platform. The text is the detail of the error."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("The keys of a JSON object must be unique.")
    return members


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotStrict("Numbers must be in the range of a 64-bit float.")
    return value


def _bounded(text: str) -> int:
    if len(text) > _MAX_DIGITS or not -INT64 <= int(text) < INT64:
        raise _NotStrict("Integers must be in the range of a signed 64-bit integer.")
    return int(text)


def _reject_constant(name: str) -> NoReturn:
    raise _NotStrict(f"`{name}` is not valid JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_int=_bounded, parse_constant=_reject_constant
)
