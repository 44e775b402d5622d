"""Malicious input has no effect: names, types, images and headers."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from werkzeug.http import parse_options_header

from heidi_common.database.session import db
from heidi_services.files.content_types import content_type
from heidi_services.files.enums import JobStatus
from heidi_services.files.models import FileJob
from heidi_services.files.names import MAX_BYTES, clean_name, content_disposition
from heidi_services.files.service import processing
from tests.files.conftest import stored_keys

TRAVERSAL = (
    *("../../etc/passwd", "/etc/passwd", "..\\..\\windows\\system32\\cmd.exe", "C:\\autoexec.bat", "C:x.txt"),
    *(
        "....//....//etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fx",
        "..%c0%afx",
        "..;/x",
        "./x",
        "x/..",
        "x/../../y",
    ),
    *("..", ".", "...", "/", "\\", "//server/share", "\\\\server\\share\\x", "file:///etc/passwd", "~/.ssh/id_rsa"),
    *(
        "..\u2215..\u2215x",
        "..\uff0f..\uff0fx",
        "..\u2044x",
        "x\x00.png",
        "../x\x00/y",
        "a\u202egpj.exe",
        "CON",
        "nul.txt",
    ),
    *(
        "x.txt::$DATA",
        ".htaccess",
        "..\r\n/x",
        "x\n../y",
        "\u200b../x",
        "$(id)",
        "`id`|x",
        "x" * 5000 + "/../" + "y" * 5000,
    ),
)


@pytest.mark.parametrize("name", TRAVERSAL, ids=range(len(TRAVERSAL)))
def test_a_name_is_never_a_path(local: Any, client: FlaskClient, as_user: Any, name: str) -> None:
    user = as_user()
    before = set(local.root.parent.rglob("*"))
    response = client.post("/api/v1/files", query_string={"name": name[:1000]}, data=b"x", headers=user.headers)
    if "\x00" in name:
        assert response.status_code == 422
        stored = clean_name(name)
    else:
        assert response.status_code == 201, response.text
        stored = response.json["data"]["name"]
    assert stored and len(stored.encode()) <= MAX_BYTES and ".." not in stored
    assert not set('/\\\x00\r\n:|"<>*?%') & set(stored) and not stored.startswith(".") and stored.isprintable()
    created = {path for path in set(local.root.parent.rglob("*")) - before if path.is_file()}
    assert all(path.is_relative_to(local.root) and len(path.name) == 32 for path in created)


INJECTIONS = (
    'a"; filename="b.exe',
    "a\r\nSet-Cookie: x=1",
    "a\nX: y",
    "a;b",
    "a\\",
    "a\u2028b",
    "\u00fc\u00dc\u20ac.txt",
    "\U0001f600.png",
    "a'b",
    "a%22b",
)


@pytest.mark.parametrize("name", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_name_cannot_add_headers_or_parameters(
    local: Any, client: FlaskClient, as_user: Any, send: Any, name: str
) -> None:
    user = as_user()
    file_id = client.post("/api/v1/files", query_string={"name": name}, data=b"x", headers=user.headers).json["data"][
        "id"
    ]
    response = client.get(f"/api/v1/files/{file_id}/content", headers=user.headers)
    header = response.headers["Content-Disposition"]
    assert header.isascii() and "Set-Cookie" not in response.headers and "X" not in response.headers
    kind, parameters = parse_options_header(header)
    assert kind in ("inline", "attachment") and set(parameters) == {"filename"}
    assert parameters["filename"] == clean_name(name)


def test_a_disposition_has_the_name_in_both_forms() -> None:
    assert content_disposition("attachment", "a b.txt") == 'attachment; filename="a b.txt"'
    assert content_disposition("inline", "Größe €.txt") == (
        "inline; filename=\"Groe .txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E2%82%AC.txt"
    )


PNG = b"\x89PNG\r\n\x1a\n"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
GIF_SCRIPT = b"GIF89a/*" + b"\x00" * 20 + b"*/=1;alert(1)//<script>alert(1)</script>"
PDF_HTML = b"%PDF-1.7\n<html><script>alert(1)</script></html>"
TYPES = {
    "a script as an image": (b"#!/bin/sh\nrm -rf /\n", "image/png", "text/plain"),
    "a program as an image": (b"\x7fELF\x02\x01\x01" + bytes(60), "image/png", "application/x-executable"),
    "bytes as an image": (b"\x01\x02\x03\x04" * 10, "image/png", "application/octet-stream"),
    "an image as a page": (PNG + bytes(50), "text/html", "image/png"),
    "a page as text": (HTML, "text/plain", "text/html"),
    "a page behind a byte order mark": (b"\xef\xbb\xbf" + HTML, "text/plain", "text/html"),
    "a page behind a comment": (b"<!-- " + b"x" * 500 + b" --><script>1</script>", "text/csv", "text/html"),
    "an image with a script": (SVG, "image/png", "image/svg+xml"),
    "a polyglot of image and script": (GIF_SCRIPT, "application/javascript", "image/gif"),
    "a polyglot of document and page": (PDF_HTML, "text/html", "application/pdf"),
    "a script": (b"alert(1)", "application/javascript", "text/plain"),
    "a style sheet": (b"body{}", "text/css", "text/plain"),
    "text": (b"a,b\n1,2\n", "text/csv; charset=x", "text/csv"),
    "JSON": (b'{"a": 1}', "application/json", "application/json"),
    "an invalid type": (b"abc", "text/\r\nX: y", "text/plain"),
    "nothing": (b"", "text/html", "application/octet-stream"),
}


@pytest.mark.parametrize("case", TYPES.values(), ids=TYPES.keys())
def test_the_content_decides_about_the_type_and_a_browser_runs_none_of_it(
    local: Any, client: FlaskClient, as_user: Any, case: tuple[bytes, str, str]
) -> None:
    content, hint, expected = case
    assert content_type(content, hint) == expected
    user = as_user()
    sent = client.post("/api/v1/files", data=content, content_type=hint.split("\r")[0], headers=user.headers)
    file = sent.json["data"]
    assert file["contentType"] == expected
    response = client.get(f"/api/v1/files/{file['id']}/content", headers=user.headers)
    assert response.data == content and response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert "sandbox" in policy.split("; ") and "default-src 'none'" in policy and "allow-scripts" not in policy
    served = response.mimetype
    assert served not in ("text/html", "application/xml", "text/css") and "javascript" not in served
    if expected not in ("image/png", "image/gif", "text/plain"):
        assert response.headers["Content-Disposition"].startswith("attachment")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def png_bomb(side: int) -> bytes:
    """A small file that describes an image of many gigabytes."""
    header = chunk(b"IHDR", struct.pack("!IIBBBBB", side, side, 8, 6, 0, 0, 0))
    return PNG + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def picture(kind: str, size: tuple[int, int] = (300, 200), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, kind, **options)
    return buffer.getvalue()


BOMBS = {
    "many pixels": png_bomb(60_000),
    "the largest size": png_bomb(2**31 - 1),
    "no size": png_bomb(0),
    "cut": picture("PNG", (2000, 2000))[:500],
    "no image data": PNG + chunk(b"IHDR", struct.pack("!IIBBBBB", 10, 10, 8, 6, 0, 0, 0)),
    "a JPEG of nothing": b"\xff\xd8\xff\xe0" + os.urandom(500),
    "a GIF of nothing": b"GIF89a" + b"\xff" * 500,
    "a WebP of nothing": b"RIFF\x20\x00\x00\x00WEBPVP8 " + b"\xff" * 40,
    "a text that is compressed": PNG
    + chunk(b"IHDR", struct.pack("!IIBBBBB", 1, 1, 8, 6, 0, 0, 0))
    + chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(200_000_000), 9))
    + chunk(b"IEND", b""),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_malformed_image_gets_no_renditions_and_stays_as_it_is(
    local: Any, client: FlaskClient, as_user: Any, content: bytes
) -> None:
    user = as_user()
    file_id = client.post("/api/v1/files", data=content, headers=user.headers).json["data"]["id"]
    job_ids = db.session.scalars(select(FileJob.id)).all()
    assert len(job_ids) == 1
    pending = client.get(f"/api/v1/files/{file_id}/content?size=128", headers=user.headers)
    assert (pending.status_code, pending.json["code"]) == (503, "rendition_pending")
    processing.process(job_ids[0])
    db.session.rollback()
    assert db.session.get_one(FileJob, job_ids[0], populate_existing=True).status == JobStatus.FAILED
    missing = client.get(f"/api/v1/files/{file_id}/content?size=128", headers=user.headers)
    assert (missing.status_code, missing.json["code"]) == (404, "no_rendition")
    assert client.get(f"/api/v1/files/{file_id}/content", headers=user.headers).data == content
    assert len(stored_keys(local)) == 1


def test_a_link_cannot_be_guessed_or_changed(local: Any, client: FlaskClient, as_user: Any, send: Any) -> None:
    user = as_user()
    file_id = send(user, b"x").json["data"]["id"]
    url = client.post(f"/api/v1/files/{file_id}/links", json={}, headers=user.headers).json["data"]["url"]
    path = url.removeprefix("http://heidi.test")
    assert client.get(path).status_code == 200
    token = path.rpartition("/")[2]
    for changed in (token[:-1], token[:-1] + "x", "f" + token[1:], file_id, f"{file_id}.x", "x" * 5000, "%00", "a.b.c"):
        assert client.get(f"/api/v1/files/links/{changed}").status_code == 404, changed


def test_the_folder_of_files_is_readable_by_its_owner_only_above(local: Any, as_user: Any, send: Any) -> None:
    """No file can be executed."""
    send(as_user(), b"#!/bin/sh\n")
    [path] = [path for path in Path(local.root).rglob("*") if path.is_file()]
    assert not path.stat().st_mode & 0o111
