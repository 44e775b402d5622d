"""Search by "Last First" and by internationalized domains, and batches of IDs."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import idna
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database.transactions import reading
from heidi_common.identity.emails import normalize_email
from heidi_common.identity.models import Role

USERS = "/api/v1/users"


def find(client: FlaskClient, headers: dict[str, str], **query: str) -> list[str]:
    response = client.get(USERS, query_string=query, headers=headers)
    assert response.status_code == 200, response.json
    return [user["email"] for user in response.json["data"]]


@pytest.mark.parametrize(
    ("email", "queries"),
    [
        (
            "ada@bücher.example",
            ["bücher", "BÜCHER.example", "ada@bücher", "bucher.ex", "xn--bcher-kva", "bu\u0308cher"],
        ),
        ("eva@müller-söhne.test", ["müller", "sohne", "muller-sohne.test", "xn--mller-shne-kcb9d"]),
        ("ivan@почта.рф", ["почта", "ПОЧТА.РФ", "ivan@почта.рф", "xn--80a1acny"]),
        ("li@例え.テスト", ["例え", "li@例え.テスト", "テスト"]),
        ("jo@mail.straße.test", ["straße", "strasse", "mail.straße"]),
    ],
)
def test_an_internationalized_domain_is_found_in_both_forms(
    client: FlaskClient, as_user: Callable[..., Any], email: str, queries: list[str]
) -> None:
    stored = as_user(email=normalize_email(email), first_name="Some", last_name="Body").user.email
    as_user(email="other@bcher.example", first_name="O", last_name="Ther")
    admin = as_user(Role.ADMIN).headers
    for q in queries:
        assert find(client, admin, q=q) == [stored], q


@pytest.mark.parametrize(
    ("first", "last", "queries"),
    [
        ("Ada", "Lovelace", ["Lovelace Ada", "lovelace, ada", "Ada Lovelace", "LOVELACE A", "ada"]),
        ("José María", "Núñez", ["nunez jose", "Núñez, José María", "maria nunez"]),
        ("小明", "王", ["王 小明", "小明 王"]),
        ("Ada, the first", "King", ["king ada the first", "Ada, the first King"]),
        (None, "Mononym", ["mononym"]),
    ],
)
def test_names_are_found_in_both_orders(
    client: FlaskClient, as_user: Callable[..., Any], first: str | None, last: str, queries: list[str]
) -> None:
    as_user(email="who@example.test", first_name=first, last_name=last)
    as_user(email="other@example.test", first_name="Someone", last_name="Else")
    admin = as_user(Role.ADMIN, email="zz@zz.test").headers
    for q in queries:
        assert find(client, admin, q=q) == ["who@example.test"], q
    assert find(client, admin, q="Else, 100%") == find(client, admin, q="e_se someone") == []


def test_the_database_decodes_what_python_encodes(app: Flask) -> None:
    alphabets = ("abcä", "äöüßé", "абвгд", "中文字符", "אבגד", "αβγδ", "ทดสอบ")
    chosen = random.Random(7)
    labels = {"".join(chosen.choices(alphabet, k=length)) for alphabet in alphabets for length in range(2, 14)}
    encoded = {}
    for label in labels:
        try:
            encoded[idna.encode(label).decode()] = label
        except idna.IDNAError:
            continue
    assert len(encoded) > 40
    with reading() as connection:
        statement = text("SELECT label, unicode_label(label) FROM unnest(CAST(:labels AS text[])) label")
        rows = connection.execute(statement, {"labels": list(encoded)}).all()
    assert {row[0]: row[1] for row in rows} == encoded


@pytest.mark.parametrize(
    "label", ["xn--", "xn--\u00e4", "xn--99999999999", "xn--a-", "xn--zzzzzzzzzzzzzzzzz", "plain", "xn--A"]
)
def test_a_label_that_is_not_punycode_does_no_harm(app: Flask, label: str) -> None:
    with reading() as connection:
        decoded = connection.execute(text("SELECT unicode_label(:label)"), {"label": label}).scalar_one()
    assert decoded == label or "xn--" not in decoded


def test_a_batch_of_ids_is_read_in_one_page(client: FlaskClient, as_user, as_client) -> None:
    users = [as_user(email=f"p{number}@example.test").user for number in range(25)]
    deleted = as_user(deleted_at=users[0].created_at).user
    ids = [str(user.id) for user in users]
    reader = as_client("users:read")
    batch = ",".join([*ids, ids[0].upper(), str(uuid4()), str(deleted.id)])
    assert sorted(find(client, reader, ids=batch)) == sorted(user.email for user in users)
    assert find(client, reader, ids=f"{ids[2]}, {ids[1]}", sort="email") == ["p1@example.test", "p2@example.test"]
    assert len(find(client, reader, ids=batch, limit="3")) == 3
    assert find(client, reader, ids=",".join(ids), q="p7@") == ["p7@example.test"]
    assert find(client, reader, ids=str(deleted.id), includeDeleted="true") == [deleted.email]
    for wrong in ("", "x", f"{ids[0]},", ",".join([ids[0]] * 101), "1,2"):
        rejected = client.get(USERS, query_string={"ids": wrong}, headers=reader)
        assert (rejected.status_code, rejected.json["errors"][0]["pointer"]) == (422, "/query/ids")
    assert client.get(USERS, query_string={"ids": ids[0]}, headers=as_user().headers).status_code == 403
