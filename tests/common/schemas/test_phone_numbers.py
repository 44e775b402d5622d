"""Phone numbers as people enter them become E.164."""

import pytest
from marshmallow import ValidationError

from heidi_common.schemas.phone_numbers import format_phone_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+4930123456", "+4930123456"),
        ("+49 30 123456", "+4930123456"),
        ("+49 (0)30 12 34-56", "+4930123456"),
        ("+44 (0) 20 7946 0958", "+442079460958"),
        ("0049/30/123456", "+4930123456"),
        ("+1 (202) 555-0100", "+12025550100"),
        ("+1.202.555.0100", "+12025550100"),
        ("tel:+1-202-555-0100", "+12025550100"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+33\u00a01\u202f23 45 67 89", "+33123456789"),
        ("+49\u201030\u2013123456", "+4930123456"),
        ("\u202a+49 30 123456\u202c", "+4930123456"),
        ("\uff0b\uff14\uff19 30 123456", "+4930123456"),
        ("+\u0664\u0669 30 123456", "+4930123456"),
        (" +4930123456\n", "+4930123456"),
    ],
)
def test_separators_are_removed(text: str, number: str) -> None:
    assert format_phone_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "123", "030 123456", "+0 30 123456", "++4930123456", "+49 30 CALL", "+1 202 555 0100 ext. 5"),
        *("+1234567890123456", "+123456", "+49,30,123456", "+4930123456;+4930123457", "4930123456", "+49_30_123456"),
    ],
)
def test_what_is_not_a_number_with_a_country_code_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError, match="country code"):
        format_phone_number(text)
