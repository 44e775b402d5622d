"""The steps of a shutdown.

`announced` is set first: readiness is off, and each response closes its connection, while requests are still accepted.
`requested` is set when the process stops accepting. Event streams, which do not end by themselves, check it.
"""

from threading import Event

announced = Event()
requested = Event()
