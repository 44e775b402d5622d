"""The options of a message's channel in responses. They are members of one column."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from heidi_services.notification.schemas.push_options import PushActionIn


class _Stored:
    """Reads a member of the options; without it the value is null, or an empty list."""

    def __init__(self, key: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, required=True, **options)
        self._key = key

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> Any:
        empty = [] if isinstance(self, fields.List) else None
        return (obj.options or {}).get(self._key, empty)


class StoredText(_Stored, fields.String):
    def __init__(self, key: str) -> None:
        super().__init__(key, allow_none=True)


class StoredNumber(_Stored, fields.Integer):
    def __init__(self, key: str) -> None:
        super().__init__(key, allow_none=True)


class StoredObject(_Stored, fields.Dict):
    def __init__(self, key: str) -> None:
        super().__init__(key, allow_none=True)


class StoredTexts(_Stored, fields.List[Any]):
    def __init__(self, key: str) -> None:
        super().__init__(key, fields.String())


class StoredActions(_Stored, fields.List[Any]):
    def __init__(self, key: str) -> None:
        super().__init__(key, fields.Nested(PushActionIn))
