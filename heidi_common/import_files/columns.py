"""The columns of an import: which there are, and what a header names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heidi_common.import_files.rows import InvalidFile


@dataclass(frozen=True)
class Columns:
    """The columns that an import accepts.

    Attributes:
        descriptions: Name -> what it contains, for `--help`.
        required: The names that a header must contain.
    """

    descriptions: Mapping[str, str]
    required: frozenset[str]

    def header(self, fields: Sequence[str], line: int) -> list[str]:
        """Find the names of the columns that a header names. Case, spaces, hyphens and underscores are ignored.

        Raises:
            InvalidFile: A column is unknown, missing or named twice. The message says how to fix it.
        """
        known = {_plain(name): name for name in self.descriptions}
        names = [known.get(_plain(field), "") for field in fields]
        if not any(names):
            required = ", ".join(sorted(self.required))
            raise InvalidFile(f"line {line} must name the columns, at least {required}; the header lacks {required}")
        self._require_complete(names, line)
        unknown = [field.strip() or "(empty)" for field, name in zip(fields, names, strict=True) if not name]
        if unknown:
            raise InvalidFile(
                f"line {line}: the header names unknown columns: {', '.join(unknown)}; remove or rename them."
                f" Known columns: {', '.join(self.descriptions)}"
            )
        return names

    def count_known(self, fields: Sequence[str]) -> int:
        """How many of the fields are names of columns."""
        known = {_plain(name) for name in self.descriptions}
        return sum(_plain(field) in known for field in fields)

    def help_text(self) -> str:
        """The columns as a list for `--help`; `\\b` keeps click from wrapping it."""
        width = max(map(len, self.descriptions))
        lines = [f"  {name:{width}}  {about}" for name, about in self.descriptions.items()]
        return "\b\nColumns (CSV) or fields (JSON):\n" + "\n".join(lines)

    def _require_complete(self, names: Sequence[str], line: int) -> None:
        missing = self.required - set(names)
        if missing:
            raise InvalidFile(f"line {line}: the header lacks {', '.join(sorted(missing))}")
        repeated = [name for name, count in Counter(names).items() if name and count > 1]
        if repeated:
            raise InvalidFile(
                f"line {line}: the header names {', '.join(repeated)} twice; remove or rename one of them"
            )


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character not in " _-\t\u00a0\ufeff")
