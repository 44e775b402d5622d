"""Errors of schemas, as clients see them."""

from __future__ import annotations

import pytest

from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import UtcDateTime


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T12:00:00", "tomorrow", "", 1_700_000_000, True, [], {}])
def test_a_malformed_time_is_rejected_with_an_example(text: object) -> None:
    errors = Schema.from_dict({"since": UtcDateTime()})().validate({"since": text})
    assert errors == {"since": ["Must be an ISO 8601 date and time with an offset, such as 2026-01-31T12:00:00Z."]}


def test_a_time_with_any_offset_is_accepted_and_written_in_utc() -> None:
    schema = Schema.from_dict({"since": UtcDateTime()})()
    for text in ("2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31T12:00Z"):
        assert schema.dump(schema.load({"since": text})) == {"since": "2026-01-31T12:00:00.000Z"}
