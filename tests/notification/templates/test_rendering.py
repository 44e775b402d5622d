"""Templates: validation, rendering, limits, and the choice of the locale."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_services.notification.service.templates.rendering import MissingVariable, RenderingError, render
from heidi_services.notification.service.templates.template_resolver import best_locale
from heidi_services.notification.service.templates.template_validation import (
    InvalidTemplate,
    validate_template,
)


def test_names_attributes_items_conditions_loops_and_filters_render() -> None:
    source = (
        "{% if user.age >= 18 %}{{ user['name'] | upper }}{% endif %}:"
        "{% for i in items %} {{ loop.index }}{{ i }}{% endfor %}"
    )
    validate_template(source)
    assert render(source, {"user": {"name": "ann", "age": 18}, "items": ["a", "b"]}) == "ANN: 1a 2b"


def test_html_escapes_variables() -> None:
    assert render("<p>{{ name }}</p>", {"name": "<script>"}, html=True) == "<p>&lt;script&gt;</p>"
    assert render("{{ name }}", {"name": "<script>"}) == "<script>"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 10**9 }}",
        "{% for a in range(10) %}{% endfor %}",
        "{% for a in items %}{% for b in items %}{% endfor %}{% endfor %}",
        "{% for a in items %}{% if a %}{% for b in a %}{% endfor %}{% endif %}{% endfor %}",
        "{% for a in items recursive %}{{ loop(a) }}{% endfor %}",
        "{% for a in items | join %}{% endfor %}",
        "{{ name.upper() }}",
        "{{ name | replace('', 'xxxxxxxxxx') }}",
        "{{ name | safe }}",
        "{{ '%s' | format(name) }}",
        "{{ 'a' ~ 'b' }}",
        "{{ [1, 2] }}",
        "{{ name[1:2] }}",
        "{% set a = 1 %}",
        "{% macro a() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ 0x" + "f" * 10_000 + " }}",
        "{{ name",
        "{% if %}",
        "{{ " + "(" * 5000 + "a" + ")" * 5000 + " }}",
        "{{ a }}" * 1000,
        "x" * 70_000,
    ],
)
def test_forbidden_syntax_is_rejected(source: str) -> None:
    with pytest.raises(InvalidTemplate):
        validate_template(source)


def test_the_error_names_the_line() -> None:
    with pytest.raises(InvalidTemplate, match="Line 3"):
        validate_template("fine\nfine\n{{ a() }}")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MissingVariable) as caught:
        render("Hello {{ firstName }}", {})
    assert caught.value.name == "firstName"
    with pytest.raises(MissingVariable) as caught:
        render("Hello {{ user.firstName }}", {"user": {}})
    assert caught.value.name == "firstName"


def test_a_default_replaces_a_missing_variable() -> None:
    assert render("Hello {{ firstName | default('you') }}", {}) == "Hello you"


def test_private_attributes_and_globals_are_not_accessible() -> None:
    with pytest.raises((MissingVariable, RenderingError)):
        render("{{ name.__class__ }}", {"name": "x"})
    with pytest.raises(MissingVariable):
        render("{{ cycler }}", {})


def test_the_output_is_limited() -> None:
    source = "{% for item in items %}" + "x" * 60_000 + "{% endfor %}"
    with pytest.raises(RenderingError, match="longer"):
        render(source, {"items": [1] * 1000})


def test_unsuitable_variables_are_a_rendering_error() -> None:
    with pytest.raises(RenderingError):
        render("{% if age >= 18 %}{% endif %}", {"age": "old"})


@given(st.text(max_size=60))
def test_any_source_is_rejected_or_accepted_but_never_crashes(source: str) -> None:
    try:
        validate_template(source)
    except InvalidTemplate:
        return
    with contextlib.suppress(MissingVariable, RenderingError):
        render(source, {"a": "b"})


@pytest.mark.parametrize(
    ("requested", "available", "expected"),
    [
        ("de-AT", ["en", "de", "de-AT"], "de-AT"),
        ("de-AT", ["en", "de"], "de"),
        ("de_AT", ["en", "de"], "de"),
        ("fr", ["de", "en"], "en"),
        (None, ["de", "en"], "en"),
        ("fr", ["de"], "de"),
        ("fr", [], None),
    ],
)
def test_a_locale_falls_back_to_its_language_and_then_to_the_default(
    requested: str | None, available: list[str], expected: str | None
) -> None:
    assert best_locale(requested, available, "en") == expected
