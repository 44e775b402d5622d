"""The detail of an audit entry in a few words: what has changed, and the reason that was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heidi_common.schemas.naming import camel
from heidi_console.translations import translate
from heidi_console.translations.terms import term


def audit_summary(entry: Mapping[str, Any]) -> str:
    """Summarize the `detail` of an audit entry, such as `role: User → Administrator · Reason: lost phone`."""
    detail = entry["detail"] or {}
    parts = [
        f"{name}: {_value(each['old'])} → {_value(each['new'])}" for name, each in detail.items() if _is_pair(each)
    ]
    shown = {name for name, each in detail.items() if _is_pair(each)}
    others = [camel(name) for name in detail.get("changed", ()) if isinstance(name, str) and camel(name) not in shown]
    if others:
        parts.append(f"{translate('Changed')}: {', '.join(others)}")
    if detail.get("reason"):
        parts.append(f"{translate('Reason')}: {detail['reason']}")
    return " · ".join(parts)


def _is_pair(value: Any) -> bool:
    """Whether it is an old and a new value. E-mail addresses are fingerprints, which say nothing to a reader."""
    return isinstance(value, dict) and set(value) == {"old", "new"} and not _is_fingerprint(value["new"])


def _is_fingerprint(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("hmac:")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return translate("yes") if value else translate("no")
    return term(str(value)) if value is not None else "–"
