"""What templates see: data instead of methods, null as absence, JSON instead of Python, and pointers in errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.identity.models import Role
from heidi_services.notification.service.templates.rendering import (
    FILTERS,
    LOOP_MEMBERS,
    TESTS,
    MissingVariable,
    RenderingError,
    render,
)
from heidi_services.notification.service.templates.template_resolver import best_locale
from heidi_services.notification.service.templates.template_validation import (
    InvalidTemplate,
    validate_template,
)
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
GUIDE = Path(__file__).parents[3] / "docs" / "templates.md"


@pytest.mark.parametrize(
    "name",
    ["items", "keys", "values", "get", "pop", "copy", "update", "clear", "count", "index", "append", "sort", "format",
     "setdefault", "pointer", "__class__", "mro", "upper", "strip", "0"],
)  # fmt: skip
@pytest.mark.parametrize("source", ["{{{{ order.{0} }}}}", "{{{{ order['{0}'] }}}}"], ids=["attribute", "item"])
def test_a_member_with_the_name_of_a_method_is_data(name: str, source: str) -> None:
    source = source.format(name)
    validate_template(source)
    assert render(source, {"order": {name: "data"}}) == "data"
    with pytest.raises(MissingVariable) as caught:
        render(source, {"order": {"other": 1}})
    assert caught.value.pointer == f"/order/{name}"


@pytest.mark.parametrize("name", ["items", "get", "upper", "count", "index", "pointer", "real", "numerator"])
@pytest.mark.parametrize("value", ["text", 7, 2.5, True, ["a"]], ids=["text", "integer", "number", "boolean", "list"])
def test_other_values_have_no_members(name: str, value: object) -> None:
    with pytest.raises(MissingVariable) as caught:
        render(f"{{{{ a.b.{name} }}}}", {"a": {"b": value}})
    assert caught.value.pointer == f"/a/b/{name}"


def test_a_variable_may_have_the_name_of_a_parameter() -> None:
    names = ("items", "context", "environment", "args", "kwargs", "dict", "range", "caller")
    for name in names:
        assert render(f"{{{{ {name} }}}}", {name: "data", "self": "x"}) == "data"
    with pytest.raises(InvalidTemplate, match="self"):
        validate_template("{{ self }}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ paid }}", "true"),
        ("{{ order.sent }}", "false"),
        ("{{ flags | join(', ') }}", "true, false"),
        ("{{ order.total > 5 }}", "true"),
        ("{{ not paid }}", "false"),
        ("{{ paid == true }}", "true"),
        ("{{ order }}", '{"sent": false, "note": null, "total": 7, "name": "Zoë"}'),
        ("{{ flags }}", "[true, false]"),
        ("{% if paid and not order.sent %}yes{% endif %}", "yes"),
        ("{{ true }}{{ false }}", "truefalse"),
        ("{{ none }}", ""),
        ("{{ order.note | default(none) }}", ""),
        ("{{ paid | upper }}", "TRUE"),
    ],
)
@pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
def test_values_are_printed_as_json_writes_them(source: str, expected: str, html: bool) -> None:
    validate_template(source)
    order = {"sent": False, "note": None, "total": 7, "name": "Zoë"}
    text = render(source, {"paid": True, "order": order, "flags": [True, False]}, html=html)
    assert text.replace("&#34;", '"') == expected


@pytest.mark.parametrize(
    ("source", "pointer"),
    [
        ("{{ name }}", "/name"),
        ("{% if name %}x{% endif %}", "/name"),
        ("{{ name | upper }}", "/name"),
        ("{% for x in name %}{% endfor %}", "/name"),
        ("{{ name.first }}", "/name"),
        ("{{ user.phone }}", "/user/phone"),
        ("{{ user.address.city }}", "/user/address"),
        ("{{ tags | join(',') }}", "/tags/1"),
        ("{% for tag in tags %}{{ tag }}{% endfor %}", "/tags/1"),
        ("{% for line in lines %}{{ line.price }}{% endfor %}", "/lines/1/price"),
        ("{{ name | money('EUR') }}", "/name"),
        ("{{ user.phone | date }}", "/user/phone"),
        ("{{ name == 'x' }}", "/name"),
    ],
)
def test_null_is_an_absence_that_the_error_points_to(source: str, pointer: str) -> None:
    validate_template(source)
    variables = {
        "name": None,
        "user": {"phone": None, "address": None},
        "tags": ["a", None],
        "lines": [{"price": 1}, {"price": None}],
    }
    with pytest.raises(MissingVariable, match="null") as caught:
        render(source, variables)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("variables", [{"user": None}, {"user": {}}, {"user": {"name": None}}, {}], ids=str)
@pytest.mark.parametrize(
    "source",
    [
        "{{ user.name | default('you') }}",
        "{{ user.name | d('you') }}",
        "{% if user.name is defined %}{{ user.name }}{% else %}you{% endif %}",
        "{% if user.name is undefined %}you{% endif %}",
        "{{ user.name.first | default('you') }}",
    ],
)
def test_default_and_is_defined_handle_null_and_missing(source: str, variables: dict[str, Any]) -> None:
    validate_template(source)
    assert render(source, variables) == "you"


@pytest.mark.parametrize("test", ["none", "string", "mapping", "callable", "sameas(1)", "filter"])
def test_other_tests_are_rejected_with_the_list(test: str) -> None:
    with pytest.raises(InvalidTemplate, match="defined, even, odd, undefined"):
        validate_template(f"{{% if a is {test} %}}{{% endif %}}")


@pytest.mark.parametrize(
    ("variables", "pointer"),
    [
        ({}, "/variables/order"),
        ({"order": {"lines": [{"sku": "a"}, {}]}}, "/variables/order/lines/1/sku"),
        ({"order": {"lines": [{"sku": "a"}, {"sku": None}]}}, "/variables/order/lines/1/sku"),
        ({"order": {"lines": [{"sku": "a"}], "a/b~c": {}}}, "/variables/order/a~1b~0c/x"),
    ],
    ids=["object", "member", "null", "escaped"],
)
def test_a_response_points_to_the_nested_variable(
    client: FlaskClient, as_user: AsUser, variables: dict[str, Any], pointer: str
) -> None:
    admin = as_user(Role.ADMIN).headers
    body = "{% for line in order.lines %}{{ line.sku }}{% endfor %}{{ order['a/b~c'].x }}"
    template = {"name": "lines", "channel": "EMAIL", "body": body}
    created = client.post("/api/v1/notifications/templates", json=template, headers=admin).get_json()["data"]
    url = f"/api/v1/notifications/templates/{created['id']}/preview"
    answer = client.post(url, json={"variables": variables}, headers=admin)
    assert (answer.status_code, [error["pointer"] for error in answer.get_json()["errors"]]) == (422, [pointer])


@pytest.mark.parametrize(
    ("source", "locale", "expected"),
    [
        ("{{ day | date }}", "de", "31.01.2026"),
        ("{{ day | date('long') }}", "en", "January 31, 2026"),
        ("{{ day | date('long') }}", "pt-BR", "31 de janeiro de 2026"),
        ("{{ at | date('short') }}", "en-GB", "31/01/2026"),
        ("{{ at | time }}", "de", "18:30"),
        ("{{ at | time('short', 'Asia/Tokyo') }}", "ja", "2:30"),
        ("{{ at | datetime('short', 'Europe/Berlin') }}", "de-AT", "31.01.26, 18:30"),
        ("{{ total | number }}", "de", "1.234,5"),
        ("{{ total | number(2) }}", "de-CH", "1'234.50"),
        ("{{ total | number(0) }}", "hi", "1,234"),
        ("{{ text | number(1) }}", "en", "12.3"),
        ("{{ share | percent }}", "en", "25%"),
        ("{{ share | percent(1) }}", "de", "25,0\xa0%"),
        ("{{ total | money('EUR') }}", "de", "1.234,50\xa0€"),
        ("{{ total | money('eur') }}", "en", "€1,234.50"),
        ("{{ total | money(currency) }}", "ja", "￥1,234"),
        ("{{ text | money('USD') }}", "es-419", "USD12.34"),
    ],
)
def test_dates_numbers_and_money_are_written_as_the_recipient_does(source: str, locale: str, expected: str) -> None:
    validate_template(source)
    values = {"day": "2026-01-31", "at": "2026-01-31T18:30:00+01:00", "total": 1234.5, "text": "12.34", "share": 0.25}
    assert render(source, values | {"currency": "JPY"}, locale=locale) == expected


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ a.b | date }}", "tomorrow"),
        ("{{ a.b | date }}", True),
        ("{{ a.b | time }}", "25:00"),
        ("{{ a.b | datetime }}", 5),
        ("{{ a.b | number }}", "many"),
        ("{{ a.b | number }}", True),
        ("{{ a.b | number }}", "1e999999999"),
        ("{{ a.b | number }}", "NaN"),
        ("{{ 1 | money(a.b) }}", "EURO"),
        ("{{ 1 | number(a.b) }}", 10**6),
        ("{{ '2026-01-31' | date(a.b) }}", "yyyy"),
        ("{{ '2026-01-31T00:00' | time('short', a.b) }}", "../../etc/passwd"),
        ("{{ '2026-01-31T00:00' | time('short', a.b) }}", "Mars/Olympus"),
    ],
)
def test_an_unsuitable_value_of_a_filter_is_pointed_to(source: str, value: object) -> None:
    with pytest.raises(RenderingError) as caught:
        render(source, {"a": {"b": value}})
    assert caught.value.pointer == "/a/b"


@pytest.mark.parametrize("locale", ["tlh", "x-private", "de-DE-u-co-phonebk", "i-default", "zz-ZZ", ""])
def test_an_unknown_locale_does_not_stop_a_message(locale: str) -> None:
    assert "2026" in render("{{ day | date('full') }}", {"day": "2026-01-31"}, locale=locale)


def test_a_message_is_written_in_the_locale_of_its_recipient(
    client: FlaskClient, as_user: AsUser, post: Post, mail: MailServer
) -> None:
    template = {"name": "bill", "channel": "EMAIL", "locale": "en", "body": "{{ total | money('EUR') }}"}
    headers = as_user(Role.ADMIN).headers
    assert client.post("/api/v1/notifications/templates", json=template, headers=headers).status_code == 201
    bill = {"content": None, "template": "bill", "variables": {"total": 1234.5}}
    assert row(post(as_user(locale="de"), **bill)).content == "1.234,50\xa0€"
    assert row(post(as_user(locale="en-GB"), **bill)).content == "€1,234.50"
    assert row(post(as_user(locale="de"), locale="fr_CA.UTF-8", **bill)).content == "1\xa0234,50\xa0€"
    people = [as_user(locale=locale) for locale in ("de", "de-CH", "en", "en-GB")]
    bulk = {"channel": "EMAIL", "template": "bill", "variables": {"total": 1234.5}}
    ids = [str(person.user.id) for person in people]
    answer = client.post("/api/v1/notifications/bulk", json=bulk | {"userIds": ids}, headers=headers).get_json()
    assert answer["data"]["accepted"] == 4
    texts = {_only_content(client, person) for person in people}
    assert texts == {"1.234,50\xa0€", "€1,234.50", "EUR\xa01'234.50"}
    assert delivered(post(as_user(), **bill)).status == "SENT"


def _only_content(client: FlaskClient, person: SignedIn) -> str:
    items = client.get("/api/v1/notifications", headers=person.headers).get_json()["data"]
    assert len(items) == 1
    return str(items[0]["content"])


@pytest.mark.parametrize(
    ("requested", "available", "expected"),
    [
        ("zh-Hant-TW", ["en", "zh", "zh-Hant"], "zh-Hant"),
        ("zh_hant_tw", ["en", "zh"], "zh"),
        ("pt_BR", ["en", "pt", "pt-BR"], "pt-BR"),
        ("PT-br", ["en", "pt_BR"], "pt_BR"),
        ("de-DE.UTF-8", ["en", "de"], "de"),
        ("de_AT@euro", ["en", "de-AT", "de"], "de-AT"),
        ("sr_RS@latin", ["en", "sr", "sr-Latn"], "sr-Latn"),
        ("uz_UZ.utf8@cyrillic", ["en", "uz-Cyrl"], "uz-Cyrl"),
        ("es-419", ["en", "es-ES"], "en"),
        ("sl-rozaj-biske", ["en", "sl"], "sl"),
    ],
)
def test_a_locale_is_looked_up_in_any_common_form(requested: str, available: list[str], expected: str) -> None:
    assert best_locale(requested, available, "en") == expected


@pytest.mark.parametrize(
    ("written", "stored"),
    [("pt_BR", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("de-DE.UTF-8", "de-DE"), ("sr_RS@latin", "sr-Latn-RS"),
     (" fr_CA ", "fr-CA"), ("ES_419", "es-419")],
)  # fmt: skip
def test_a_locale_is_stored_in_one_form(client: FlaskClient, as_user: AsUser, written: str, stored: str) -> None:
    person, admin = as_user(), as_user(Role.ADMIN).headers
    assert client.patch("/api/v1/users/me", json={"locale": written}, headers=person.headers).status_code == 200
    template = {"name": "hi", "channel": "EMAIL", "locale": written, "body": "Hi"}
    answer = client.post("/api/v1/notifications/templates", json=template, headers=admin)
    assert (answer.status_code, answer.get_json()["data"]["locale"]) == (201, stored)
    found = client.get(f"/api/v1/notifications/templates?locale={written}", headers=admin).get_json()["data"]
    assert [item["locale"] for item in found] == [stored]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=10), values, max_size=4),
    max_leaves=12,
)


_SOURCES = (
    *("{{ a }}", "{{ a.b }}", "{{ a[0] }}", "{{ a | join }}", "{{ a | date }}", "{{ a | number }}", "{{ a | length }}"),
    *("{% for x in a %}{{ x }}{% endfor %}", "{{ a | first }}"),
)


@given(_JSON, st.sampled_from(_SOURCES))
def test_no_json_value_is_printed_as_python_writes_it(value: object, source: str) -> None:
    try:
        text = render(source, {"a": value})
    except (MissingVariable, RenderingError) as error:
        assert error.pointer == "" or error.pointer.startswith("/a")
        return
    if not any(word in repr(value) for word in ("'None", "'True", "'False")):
        assert not {"None", "True", "False"} & set(text.split())


def test_the_documents_list_what_templates_may_use() -> None:
    guide = GUIDE.read_text("utf-8")
    for name in (*FILTERS, *TESTS, *LOOP_MEMBERS):
        assert f"`{name}`" in guide or f"`{name}(" in guide, name
