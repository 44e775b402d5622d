"""`requested` is set when this process is to stop. Event streams, which do not end by themselves, check it."""

from threading import Event

requested = Event()
