from __future__ import annotations

import marshmallow as ma
import pytest
from marshmallow import fields

from heidi_common.identity.emails import normalize_email
from heidi_common.identity.password_policy import password_error
from heidi_common.schemas.fields import FreeJson, PersonName, Text
from heidi_common.schemas.validators import Length


class Everything(ma.Schema):
    text = Text(max=5)
    long_text = Text(min=3, max=5)
    name = PersonName()
    items = fields.List(fields.Integer(), validate=Length(max=2))
    some = fields.List(fields.Integer(), validate=Length(min=2))
    exact = fields.String(validate=Length(equal=2))
    free = FreeJson(max_bytes=10)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", "x" * 6, "Must have 1 to 5 characters, but has 6."),
        ("text", "", "Must have 1 to 5 characters, but has 0."),
        ("long_text", "äö", "Must have 3 to 5 characters, but has 2."),
        ("name", "x" * 101, "Must have 1 to 100 characters, but has 101."),
        ("items", [1, 2, 3], "Must have at most 2 items, but has 3."),
        ("some", [1], "Must have at least 2 items, but has 1."),
        ("exact", "x", "Must have 2 characters, but has 1."),
        ("free", {"a": "x" * 20}, "Must have at most 10 bytes, but has about 21."),
    ],
)
def test_the_message_about_a_length_includes_the_actual_one(field: str, value: object, message: str) -> None:
    assert Everything().validate({field: value}) == {field: [message]}


@pytest.mark.parametrize(("password", "actual"), [("short", 5), ("", 0), ("x" * 1025, 1025), ("ä" * 600, 1200)])
def test_so_do_the_rules_of_passwords(password: str, actual: int) -> None:
    assert f"but has {actual}" in (password_error(password) or "")


@pytest.mark.parametrize(("local", "domain", "actual"), [(65, 10, 65), (100, 10, 100)])
def test_so_do_those_of_addresses(local: int, domain: int, actual: int) -> None:
    with pytest.raises(ValueError, match=f"but has {actual}"):
        normalize_email("a" * local + "@" + "b" * domain + ".test")
