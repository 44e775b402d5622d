"""Whether this process has been asked to stop. What has no end of its own, an event stream, looks here and ends."""

from threading import Event

requested = Event()
