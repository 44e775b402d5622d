"""Importing people, thousands at a time: each line by itself, a hundred to a transaction."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from marshmallow import Schema, ValidationError

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.emails import normalise_email
from heidi_common.identity.password_hashing import is_known_hash, password_hasher
from heidi_common.identity.password_policy import password_error
from heidi_common.problems import Conflict

BATCH = 100
Row = tuple[int, dict[str, Any] | str]


@dataclass(frozen=True)
class Result:
    """What became of a line: `created` with the id, `exists`, or `refused` with the reason."""

    line: int
    outcome: str
    detail: str


def load(lines: Iterable[str], kind: str, schema: Schema) -> Iterator[Result]:
    """Import every line of a CSV (with a header) or NDJSON text; `schema` says what a line may hold."""
    rows = iter(_csv_rows(lines) if kind == "csv" else _json_rows(lines))
    while batch := list(islice(rows, BATCH)):
        prepared = [(number, _prepare(row, schema)) for number, row in batch]
        with transaction():
            results = [_insert(number, given) for number, given in prepared]
        yield from results


def _csv_rows(lines: Iterable[str]) -> Iterator[Row]:
    reader = csv.DictReader(lines, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"not CSV: {error}"
            continue
        if None in row or None in row.values():
            yield reader.line_num, "the number of fields differs from the header's"
        else:
            yield reader.line_num, {name.strip(): value for name, value in row.items() if value != ""}


def _json_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"not JSON: {error}"
        else:
            yield number, row if isinstance(row, dict) else "not a JSON object"


def _prepare(row: dict[str, Any] | str, schema: Schema) -> dict[str, Any] | str:
    """The values of a row, checked and hashed outside of any transaction; or what is wrong with it."""
    if isinstance(row, str):
        return row
    try:
        given: dict[str, Any] = schema.load(row)
        given["email"] = normalise_email(given["email"])
    except ValidationError as error:
        return "; ".join(f"{name}: {_first(found)}" for name, found in error.messages_dict.items())
    except ValueError as error:
        return f"email: {error}"
    return _with_hash(given)


def _with_hash(given: dict[str, Any]) -> dict[str, Any] | str:
    password, stored = given.pop("password", None), given.pop("password_hash", None)
    if stored is not None and not is_known_hash(stored):
        return "passwordHash: neither bcrypt nor argon2"
    if password is not None and stored is None:
        complaint = password_error(password, (given["email"], given.get("first_name"), given.get("last_name")))
        if complaint:
            return f"password: {complaint}"
        stored = password_hasher().hash(password)
    given["email_verified_at"] = utcnow() if given.pop("email_verified") else None
    return given | {"password_hash": stored}


def _insert(number: int, given: dict[str, Any] | str) -> Result:
    if isinstance(given, str):
        return Result(number, "refused", given)
    try:
        user = accounts.create_user(origin="imported", **given)
    except Conflict:
        return Result(number, "exists", given["email"])
    record("user_created", target=user.id, detail={"origin": "import"})
    return Result(number, "created", str(user.id))


def _first(found: Any) -> str:
    return str(found[0]) if isinstance(found, list) and found else str(found)
