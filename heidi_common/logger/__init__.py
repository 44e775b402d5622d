"""@heidi/logger: structured logs on stderr. Modules log with `logging.getLogger(__name__)` and `extra={...}`.

setup: `configure_logging`, called once when a process starts.
request_id: the ID of the current request, which every line contains.
causes: what caused the current work, or a row of a batch: a request and its trace.
json_lines: the handler for production; `log_fields` writes a line of each request in a short way.
formatters: JSON for production, colored text for a terminal; values of the database do not appear in tracebacks.
"""
