"""Calls between the services, over HTTP or within the process if one app serves both.

client: `call_peer`, and `call_peers` for several calls in parallel. batches: several reads in one call.
models: a call and its result.
transport: how a call reaches the other service.
signature: the header by which a service recognizes such a call, so that rate limits do not count it again.
"""
