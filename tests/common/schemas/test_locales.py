from __future__ import annotations

import pytest
from marshmallow import ValidationError

from heidi_common.schemas.locales import format_tag

VALID = {
    "ES-419": "es-419",
    "en-001": "en-001",
    "zh_hant_tw": "zh-Hant-TW",
    "sr-latn": "sr-Latn",
    "ca-es-VALENCIA": "ca-ES-valencia",
    "de-CH-1996": "de-CH-1996",
    "th-TH-u-ca-buddhist-nu-thai": "th-TH-u-ca-buddhist-nu-thai",
    "zh-cmn-Hans-CN": "zh-cmn-Hans-CN",
    "nan": "nan",
    "x-heidi": "x-heidi",
    "i-klingon": "i-klingon",
    "en-a-bbb-x-a": "en-a-bbb-x-a",
}
INVALID = ["english", "e", "de-", "-de", "de--AT", "de-A", "1a", "en-u", "en-x", "de-419-DE", "dé", "de-AT\n", "de DE"]


@pytest.mark.parametrize("tag", VALID)
def test_well_formed_tags_are_accepted_in_any_case(tag: str) -> None:
    assert format_tag(tag) == VALID[tag]


@pytest.mark.parametrize("tag", INVALID)
def test_other_text_is_rejected_with_examples(tag: str) -> None:
    with pytest.raises(ValidationError, match="es-419"):
        format_tag(tag)
