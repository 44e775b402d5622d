"""The HTTP client for all outgoing calls. It is safe for URLs that users have entered.

`client` has `http_client()`, the client of the current app, and `errors` the ways in which a call can fail.
`addresses` decides which IP addresses may be called; `sockets` connects only to those, within a deadline.
"""
