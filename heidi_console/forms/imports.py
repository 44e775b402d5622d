"""The form of an import: a file, or its rows as text."""

from __future__ import annotations

from typing import Any

from flask import request
from wtforms import BooleanField, FileField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from heidi_console.forms.base import ConsoleForm
from heidi_console.translations import lazy, translate

FORMATS = [
    SelectChoice("", lazy("Recognize it by the content")),
    SelectChoice("csv", "CSV"),
    SelectChoice("ndjson", "NDJSON"),
    SelectChoice("json", "JSON"),
]


class ImportForm(ConsoleForm):
    """What to import, and how to read it."""

    file = FileField(lazy("File"), description=lazy("CSV with a header, NDJSON or a JSON array, up to 1 MiB"))
    text = TextAreaField(lazy("Or paste the rows"), render_kw={"class": "code", "rows": 6, "spellcheck": "false"})
    format = SelectField(lazy("Format"), choices=FORMATS)
    encoding = StringField(
        lazy("Encoding"), description=lazy("Such as windows-1250. Leave it empty for UTF-8, UTF-16 and Windows-1252.")
    )

    def content(self) -> bytes | None:
        """The file, or the text in its place; None if there is neither. The form then shows an error."""
        uploaded = request.files.get("file")
        content = uploaded.read() if uploaded else b""
        content = content if content.strip() else (self.text.data or "").encode()
        if content.strip():
            return content
        self.file.errors = [*self.file.errors, translate("Choose a file, or paste its rows below.")]
        return None

    def query(self) -> dict[str, Any]:
        """How to read the file, as the API expects it. A pasted text is UTF-8."""
        is_file = bool(request.files.get("file"))
        return {"format": self.format.data, "encoding": (self.encoding.data or "").strip() if is_file else None}


class UserImportForm(ImportForm):
    """The same for users."""

    welcome = BooleanField(lazy("Send each new user the welcome e-mail"))

    def query(self) -> dict[str, Any]:
        return super().query() | {"welcome": bool(self.welcome.data)}
