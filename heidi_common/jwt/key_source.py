"""Where a JSON Web Key Set is read from: inline JSON, a file or a URL."""

from __future__ import annotations

from pathlib import Path

import requests

TIMEOUT_SECONDS = 5
READ_ERRORS = (OSError, ValueError, KeyError, TypeError)
"""Errors of a source that is unavailable (those of requests are OSErrors), or whose content is not a key set."""


class KeySource:
    """The source of a key set.

    Args:
        source: The JSON itself (it begins with `{`), an http(s) URL, or the path of a file.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.is_url = source.startswith(("http://", "https://"))
        self.is_inline = source.lstrip().startswith("{")
        self.is_file = not (self.is_url or self.is_inline)

    def read(self, known_version: object) -> tuple[object, str | None]:
        """Read the set, unless it is the known version.

        Args:
            known_version: The version that was read before; None the first time.

        Returns:
            The current version and the JSON text, which is None if the known version is current. A URL has no
            versions: its text is always returned.

        Raises:
            OSError: The file cannot be read, or the URL does not respond with success.
        """
        if self.is_inline:
            return "inline", None if known_version == "inline" else self._source
        if self.is_url:
            response = requests.get(self._source, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            response.raise_for_status()
            return "url", response.text
        status = Path(self._source).stat()
        version = (status.st_mtime_ns, status.st_ino)
        return version, None if version == known_version else Path(self._source).read_text()
