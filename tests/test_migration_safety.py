"""No migration since the previous release breaks its instances, which serve while it runs, or locks a large table."""

from __future__ import annotations

import json
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from heidi_common.database.session import db
from tests.architecture import migration_safety, migrations

RELEASE = json.loads((migrations.FOLDER / "previous_release.json").read_text())
ACCEPTED = {
    ("0028", "cities"): "235,000 rows at most, locked for seconds: the table is written by imports and administrators",
    ("0028", "schedules"): "thousands of rows, locked for less than a second",
}
"""(revision, table) -> why the migration may do it. CHANGELOG.md says which ones should run in a quiet period."""


def test_no_migration_breaks_the_previous_release(scratch: Flask, tmp_path: Path) -> None:
    flask_migrate.upgrade(str(migrations.FOLDER), revision=RELEASE["revision"])
    with migration_safety.recorded(db.engine) as steps:
        flask_migrate.upgrade(str(migrations.FOLDER))
    first = int(RELEASE["revision"]) + 1
    assert list(steps) == [f"{number:04d}" for number in range(first, first + len(steps))]
    violations = migration_safety.violations(steps, tmp_path)
    assert [item for item in violations if (item.revision, item.table) not in ACCEPTED] == []
    assert {(item.revision, item.table) for item in violations} == ACCEPTED.keys()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE users DROP COLUMN phone", "ban-drop-column"),
        ("ALTER TABLE users RENAME COLUMN phone TO mobile", "renaming-column"),
        ("ALTER TABLE ONLY public.users RENAME TO accounts", "renaming-table"),
        ("DROP TABLE IF EXISTS users", "ban-drop-table"),
        ("ALTER TABLE users ADD COLUMN age int NOT NULL", "adding-required-field"),
        ("ALTER TABLE users ALTER COLUMN phone SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE users ALTER COLUMN phone DROP DEFAULT", "ban-drop-default"),
        ("ALTER TABLE users ALTER COLUMN id TYPE bigint", "changing-column-type"),
        ("ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid()", "adding-field-with-default"),
        ("ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0)", "constraint-missing-not-valid"),
        ("ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES others (id)", "adding-foreign-key-constraint"),
        ("ALTER TABLE users ADD CONSTRAINT u UNIQUE (phone)", "disallowed-unique-constraint"),
        ("CREATE UNIQUE INDEX ix ON users (phone)", "require-concurrent-index-creation"),
    ],
)
def test_a_statement_that_breaks_or_blocks_the_running_version_is_refused(
    tmp_path: Path, statement: str, rule: str
) -> None:
    found_rules = migration_safety.violations({"0001": ["SELECT 1", statement]}, tmp_path)
    assert (rule, "users") in {(item.rule, item.table) for item in found_rules}


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE users ADD COLUMN phone text"],
        ["ALTER TABLE users ADD COLUMN tags jsonb NOT NULL DEFAULT '[]'"],
        ["CREATE INDEX CONCURRENTLY ix ON users (phone)"],
        ["ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0) NOT VALID"],
        ["CREATE TABLE visits (id int)", "CREATE INDEX ix ON visits (id)", "ALTER TABLE visits DROP COLUMN id"],
    ],
)
def test_what_the_previous_release_does_not_notice_is_accepted(tmp_path: Path, statements: list[str]) -> None:
    assert migration_safety.violations({"0001": statements}, tmp_path) == []
