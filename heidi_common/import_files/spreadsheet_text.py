"""Text in CSV files that spreadsheets open: a value that they would run as a formula is preceded by an apostrophe.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import re

_FORMULA = re.compile("'*[\\s]*[=+\\-@\t\r\n＝＋－＠]", re.DOTALL)


def protect(value: str) -> str:
    """Put an apostrophe before a value that a spreadsheet would run. `restore` removes exactly this one."""
    return f"'{value}" if _FORMULA.match(value) else value


def restore(value: str) -> str:
    """Remove the apostrophe that `protect` has added."""
    return value[1:] if value.startswith("'") and _FORMULA.match(value) else value
