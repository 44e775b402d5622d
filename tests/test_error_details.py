"""Error details are sentences. Beside the rule there is an example on which it must fail."""

from __future__ import annotations

import ast

from tests.architecture import error_details, source

TREES = source.sources()


def test_error_details_are_sentences() -> None:
    assert error_details.not_sentences(TREES) == []
    assert len(error_details.details(TREES)) > 150


ERRORS = """
class Gone(Problem): status = 410
class LongGone(problems.Gone): pass
no_stop = "No stop"
raise Gone("lower case.")
raise LongGone(no_stop)
raise Invalid.field("name", f"{name} is unknown.", code="no sentence")
raise Invalid([FieldError("/name", "A full stop." if x else f"the value {name}")], "A sentence.")
raise ValidationError({"name": ["must not be blank"]}, "name")
field = Text(validate=validate.OneOf(NAMES, error="Unknown name"))
raise NotFound("`name` not found.", code="no sentence")
raise ValueError("not an error detail")
"""


def test_an_error_detail_that_is_not_a_sentence_is_noticed() -> None:
    trees = {"heidi_common/problems.py": TREES["heidi_common/problems.py"], "x.py": ast.parse(ERRORS)}
    assert error_details.not_sentences(trees) == [
        "x.py:5: lower case.",
        "x.py:6: No stop",
        "x.py:7: {...} is unknown.",
        "x.py:8: the value {...}",
        "x.py:9: must not be blank",
        "x.py:10: Unknown name",
    ]
