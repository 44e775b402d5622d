from __future__ import annotations

import json
from pathlib import Path

import pytest

from heidi_common.import_files.columns import Columns
from heidi_common.import_files.reading import read_file
from heidi_common.import_files.rows import ImportFile, InvalidFile
from heidi_common.import_files.spreadsheet_text import protect, restore

COLUMNS = Columns({"email": "", "firstName": "", "lastName": ""}, frozenset({"email"}))
TEXT = "email,firstName,lastName\na@x.test,Jürg,Weiß\nb@x.test,Zoë,O'Neill\n"
ROWS = [
    (2, {"email": "a@x.test", "firstName": "Jürg", "lastName": "Weiß"}),
    (3, {"email": "b@x.test", "firstName": "Zoë", "lastName": "O'Neill"}),
]
JSON_ROWS = [row for _, row in ROWS]

SAME = {
    "commas": TEXT.encode(),
    "semicolons": TEXT.replace(",", ";").encode(),
    "tabs": TEXT.replace(",", "\t").encode(),
    "bars": TEXT.replace(",", "|").encode(),
    "Latin-1": TEXT.encode("latin-1"),
    "Windows-1252 with semicolons": TEXT.replace(",", ";").encode("windows-1252"),
    "UTF-8 with mark": TEXT.encode("utf-8-sig"),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 BE without mark": TEXT.encode("utf-16-be"),
    "UTF-16 LE without mark, tabs": TEXT.replace(",", "\t").encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "CR": TEXT.replace("\n", "\r").encode(),
    "no last line end": TEXT.rstrip().encode(),
    "delimiters at the end": TEXT.replace("\n", ",,\n").encode(),
    "blank lines at the end": (TEXT + "\n \n,,\n").encode(),
    "other case": TEXT.replace("email,firstName,lastName", "E-Mail,First Name,LAST_NAME").encode(),
    "quoted": TEXT.replace("Zoë", '"Zoë"').replace("email", '"email"').encode(),
}


def read(tmp_path: Path, raw: bytes, **options: str) -> ImportFile:
    path = tmp_path / "people.txt"
    path.write_bytes(raw)
    return read_file(path, COLUMNS, **options)


@pytest.mark.parametrize("name", SAME)
def test_variants_of_csv_are_read(tmp_path: Path, name: str) -> None:
    assert list(read(tmp_path, SAME[name]).rows) == ROWS


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_excels_first_line_names_the_delimiter(tmp_path: Path, separator: str) -> None:
    text = f"sep={separator}\n" + TEXT.replace(",", separator)
    assert list(read(tmp_path, text.encode()).rows) == [(number + 1, row) for number, row in ROWS]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (json.dumps(JSON_ROWS, ensure_ascii=False), [1, 1]),
        (json.dumps(JSON_ROWS, indent=2), [2, 7]),
        ("\n".join(json.dumps(row) for row in JSON_ROWS), [1, 2]),
        (",\n".join(json.dumps(row) for row in JSON_ROWS), [1, 2]),
        (json.dumps({"users": JSON_ROWS}, indent=1), [3, 8]),
        ("\n" + "\n\n".join(json.dumps(row) for row in JSON_ROWS), [2, 4]),
    ],
)
def test_variants_of_json_are_read(tmp_path: Path, text: str, numbers: list[int]) -> None:
    expected = list(zip(numbers, JSON_ROWS, strict=True))
    assert list(read(tmp_path, text.encode()).rows) == expected
    assert list(read(tmp_path, text.encode("utf-16")).rows) == expected


REJECTED = {
    "unknown column": ("email,shoeSize\n", "unknown columns: shoeSize"),
    "column twice": ("email,firstName,First Name\n", "firstName twice"),
    "no header": ("a@x.test,Ann,Lee\nb@x.test,Bob,May\n", "must name the columns"),
    "missing column": ("firstName,lastName\nAnn,Lee\n", "lacks email"),
    "quote in the header": ('"email,firstName\na@x.test,Ann\n', "line 1: not CSV"),
    "incomplete array": ('[{"email": "a@x.test"},\n{"email": ', "line 2: not JSON"),
    "single value": ("[[", "not JSON"),
    "two lists": ('{"a": 1,\n "b": [}', "line 2: not JSON"),
    "Cyrillic": ("email,firstName\na@x.test,Дмитрий\n".encode("windows-1251"), "windows-1250"),
    "Polish": ("email,firstName\na@x.test,Łukasz\n".encode("windows-1250"), "--encoding"),
    "Japanese": ("email,firstName\na@x.test,花子\n".encode("shift-jis"), "line 2 is not UTF-8"),
    "workbook": (b"PK\x03\x04 ...", "Excel workbook"),
    "compressed": (b"\x1f\x8b\x08\x00", "decompress"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_other_files_are_rejected_once_with_the_remedy(tmp_path: Path, name: str) -> None:
    text, reason = REJECTED[name]
    with pytest.raises(InvalidFile, match=reason):
        read(tmp_path, text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("encoding", ["windows-1250", "utf-16-le", "mac-roman"])
def test_a_named_encoding_is_used(tmp_path: Path, encoding: str) -> None:
    raw = "email,firstName\na@x.test,Zoë\n".encode(encoding)
    assert list(read(tmp_path, raw, encoding=encoding).rows) == [(2, {"email": "a@x.test", "firstName": "Zoë"})]


@pytest.mark.parametrize("encoding", ["utf-9", "ascii"])
def test_a_wrong_encoding_is_rejected(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InvalidFile, match="encod"):
        read(tmp_path, TEXT.encode(), encoding=encoding)


@pytest.mark.parametrize("broken", ['b@x.test,"Bob', 'b@x.test,"Bo"b,May', 'b@x.test,"Bob\nMay,"Lee"', "b@x.test,Bob"])
def test_a_broken_line_is_refused_with_its_number_and_the_rest_is_read(tmp_path: Path, broken: str) -> None:
    text = f'email,firstName,lastName\n"a@x.test","A\nB","C"\n{broken}\nc@x.test,"C ""Z""",Day\nd@x.test,Dan,Lee\n'
    rows = list(read(tmp_path, text.encode()).rows)
    assert rows[0] == (2, {"email": "a@x.test", "firstName": "A\nB", "lastName": "C"})
    assert rows[1][0] == 4 and isinstance(rows[1][1], str)
    last = 6 if "\n" in broken else 5
    assert rows[-2:] == [
        (last, {"email": "c@x.test", "firstName": 'C "Z"', "lastName": "Day"}),
        (last + 1, {"email": "d@x.test", "firstName": "Dan", "lastName": "Lee"}),
    ]


def test_rows_of_json_that_are_not_objects_or_repeat_a_key_are_refused(tmp_path: Path) -> None:
    rows = list(read(tmp_path, b'[{"email": "a"},\n 7,\n {"email": "b", "email": "c"}, {"email": "d"}]').rows)
    assert [number for number, _ in rows] == [1, 2, 3, 3]
    assert "JSON object" in rows[1][1] and "email twice" in rows[2][1] and rows[3][1] == {"email": "d"}


@pytest.mark.parametrize(
    "value", ["=1+1", "+49301234", "-2", "@SUM(A1)", "\t=1", "＝cmd", "'=1", "''=1", " =1", "\r=1"]
)
def test_formulas_are_protected_without_loss(value: str) -> None:
    assert protect(value).startswith("'") and restore(protect(value)) == value


@pytest.mark.parametrize("value", ["Ann", "'t Hooft", "O'Neill", "'", "", "5-3", "''"])
def test_other_text_stays_as_it_is(value: str) -> None:
    assert protect(value) == restore(value) == value


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for raw in (b"", b"\n\n", b"\xef\xbb\xbf"):
        assert list(read(tmp_path, raw).rows) == []
