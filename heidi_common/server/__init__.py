"""How processes run: gunicorn's worker, shutdown, and child processes.

gunicorn_worker: a threaded worker that stops without waiting for idle connections.
memory: freed memory, returned to the system when a process is idle.
shutdown: the flag that ends event streams when the process stops.
bind_check: whether an address can be used, before workers are started.
parent_death: child processes that end with their parent.
heartbeat_files: the files by which background processes show that they are alive.
disk_guard: whether the database's disk has space for changes.
durable_files: files that are complete after a power failure.
"""
