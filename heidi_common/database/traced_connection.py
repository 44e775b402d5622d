"""Connections whose statements are spans of the current trace.

It works in the driver, so that it sees every statement, whether SQLAlchemy or a `CompiledStatement` sends it. Values
are not recorded, because they contain personal data.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from psycopg2.extensions import connection, cursor

from heidi_common.database.prepared import STATEMENTS
from heidi_common.tracing import spans


class TracedConnection(connection):
    """A psycopg2 connection whose cursors record what they execute."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Open a cursor of the requested class, extended by spans."""
        kwargs["cursor_factory"] = _traced_cursor(kwargs.get("cursor_factory") or cursor)
        return super().cursor(*args, **kwargs)


@cache
def _traced_cursor(base: Any) -> Any:
    def execute(self: Any, query: Any, parameters: Any = None) -> None:
        if spans.is_sampled():
            with spans.span(_operation(query), "client", _attributes(query)):
                base.execute(self, query, parameters)
        else:
            base.execute(self, query, parameters)

    return type(f"Traced{base.__name__}", (base,), {"execute": execute})


def _attributes(query: Any) -> dict[str, str]:
    """Without the text if the driver has inserted values into it: then it is bytes."""
    text = {"db.query.text": " ".join(_statement(query).split())} if isinstance(query, str) else {}
    return {"db.system.name": "postgresql"} | text


def _operation(query: Any) -> str:
    text = _statement(query) if isinstance(query, str) else "SQL"
    return text.split(maxsplit=1)[0].upper() if text else "SQL"


def _statement(query: str) -> str:
    """The statement itself for the EXECUTE of a prepared one."""
    words = query.split(maxsplit=2)
    return STATEMENTS.get(words[1], query) if words[:1] == ["EXECUTE"] and len(words) > 1 else query
