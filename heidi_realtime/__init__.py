"""WebSockets: live messages of several channels over one connection; `python -m heidi_realtime` serves them.

It is a separate role, one process with an event loop, so that open sockets occupy no threads of the services. It has
no rules: what a client may receive is decided by the guards and functions of the services.

server: the listener, and what every connection shares. handshake: what is checked before a socket is open.
client: one socket. messages: what is sent over it. outbox: what a client has not received yet.
channels: one module for each kind. sessions: closes the sockets of ended sessions. backend, routes, schemas: each
request of a client runs as an HTTP request through this app, with its guards, limits, audit and log.
"""
