"""What forms are filled with, and the errors that they show."""

from __future__ import annotations

from heidi_console.forms.replay import endpoint_choices
from heidi_console.forms.schema import schema_fields, show_errors


def test_errors_of_a_payload_name_the_property_that_is_wrong() -> None:
    fields = schema_fields({"properties": {"message": {"type": "object"}}}, {})
    errors = {"message/channel": "Missing data.", "message/chanel": "Unknown field.", "extra": "Unknown field."}
    assert show_errors(fields, errors) == ["extra: Unknown field."]
    assert fields[0].error == "channel: Missing data. chanel: Unknown field."


def test_webhooks_of_the_same_name_are_offered_with_their_endpoints() -> None:
    names = [("a" * 8, "Shop", "https://one.test/"), ("b" * 8, "Shop", "https://two.test/"), ("c" * 8, "Alone", None)]
    rows = [{"id": id_, "name": name, "webhookUrl": url, "isForwarding": True} for id_, name, url in names]
    assert [choice.label for choice in endpoint_choices(rows)] == [
        "Shop · https://one.test/ · …aaaaaaaa",
        "Shop · https://two.test/ · …bbbbbbbb",
        "Alone",
    ]
