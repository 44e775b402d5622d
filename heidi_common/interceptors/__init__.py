"""@heidi/interceptors: what happens around every view.

transform: `Blueprint`, which every service uses: `{"data": ..., "meta": ...}`, pages, guards in OpenAPI.
validation: bodies and query strings against schemas, with an error for every wrong field. strict_json: its JSON parser.
logging, timeout: request ID and access log; the deadline of a request.
conditional: ETag, If-None-Match, If-Match. idempotency: `@idempotent`; idempotency_keys: the stored responses.
event_stream: Server-Sent Events.
open_streams: how many of them a caller may have.
rate_limit, proxy, cors, security_headers, error_handlers: set up once by `build_app`.
request_counter: counts requests for rate_limit. peer_batch: several reads in one call between services.
"""
