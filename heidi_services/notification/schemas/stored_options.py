"""The options of a message's channel in responses. They are members of one column."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from heidi_services.notification.schemas.push_options import PushActionIn


class _Stored:
    """Reads a member of the options; without it the value is null, or an empty list."""

    key: str

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> Any:
        value = (obj.options or {}).get(self.key)
        return [] if value is None and isinstance(self, fields.List) else value


class StoredText(_Stored, fields.String):
    def __init__(self, key: str) -> None:
        super().__init__(required=True, allow_none=True)
        self.key = key


class StoredNumber(_Stored, fields.Integer):
    def __init__(self, key: str) -> None:
        super().__init__(required=True, allow_none=True)
        self.key = key


class StoredMembers(_Stored, fields.Dict):
    def __init__(self, key: str) -> None:
        super().__init__(required=True, allow_none=True)
        self.key = key


class StoredTexts(_Stored, fields.List[Any]):
    def __init__(self, key: str) -> None:
        super().__init__(fields.String(), required=True)
        self.key = key


class StoredActions(_Stored, fields.List[Any]):
    def __init__(self, key: str) -> None:
        super().__init__(fields.Nested(PushActionIn), required=True)
        self.key = key
