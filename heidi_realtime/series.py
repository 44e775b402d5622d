"""The metrics of this role."""

from heidi_common.metrics.exporter import counter, gauge

sockets = gauge("heidi_realtime_sockets", "Open WebSockets")
sent = counter("heidi_realtime_messages_total", "Messages sent over WebSockets")
closed = counter("heidi_realtime_closed_total", "Closed WebSockets, by the code of the server", "code")
