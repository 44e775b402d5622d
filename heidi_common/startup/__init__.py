"""The start of a process: its log begins with its first line, before its settings are read.

process_log: `start_logging`, which each entry point calls first.
reports: what commands report that run without a person, such as the migrations.
gunicorn_logger: gunicorn's own messages in the format of all others.
"""
