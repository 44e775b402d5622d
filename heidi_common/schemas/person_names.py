"""Names of people that can be shown and e-mailed to others: without links and without invisible characters.

Programs that show e-mails turn domain names into links, also those without a scheme. The package `publicsuffixlist`
tells domain names from names with a full stop, such as `J.R.` or `Anne.Marie`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_LINK = re.compile(r"[a-z][a-z0-9+.-]*://|\b(https?|ftps?|mailto|javascript|data|file|tel|sms):|\bwww\.|\S@\S", re.I)
_IP_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(\.\d{1,3}){3}(?![\d.])")
_DOTTED_WORD = re.compile(r"[^\W_][\w-]*(?:\.[\w-]+)+")
_DOTS = str.maketrans("\u3002\uff61", "..")
"""Ideographic full stops, which browsers treat like dots in domain names."""
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Control, format (with all bidirectional controls), private-use and surrogate characters, separators of lines."""


def name_error(name: str) -> str | None:
    """Check a name.

    Returns:
        What the name must not contain; None if it is accepted.
    """
    invisible = next((character for character in name if unicodedata.category(character) in _INVISIBLE), None)
    if invisible is not None:
        return f"Must not contain control, format or bidirectional characters (U+{ord(invisible):04X})."
    if _contains_link(unicodedata.normalize("NFKC", name).translate(_DOTS)):
        return "Must not contain a web or e-mail address. If it does not, put a space after the full stop."
    return None


def _contains_link(text: str) -> bool:
    if _LINK.search(text) or _IP_ADDRESS.search(text):
        return True
    return any(_public_suffixes().privatesuffix(word.lower()) for word in _DOTTED_WORD.findall(text))


@cache
def _public_suffixes() -> PublicSuffixList:
    """Read the list when the first name with a full stop is checked: it takes 0.1 s and some memory."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False, only_icann=True)
