"""What the services share. Each package is one library; its `__init__` says which module to open for what.

The specification's libraries:

    @heidi/prisma        database       models, sessions, transactions, pagination
    @heidi/logger        logger         structured logging, request IDs
    @heidi/rabbitmq      rabbitmq       publish, subscribe, request and reply over RabbitMQ
    @heidi/redis         redis          cache, distributed locks
    @heidi/jwt           jwt            signing keys, tokens, guards of routes
    @heidi/interceptors  interceptors   what happens around a view:
      LoggingInterceptor                  logging.py     request ID, duration, access log
      TimeoutInterceptor                  timeout.py     deadline of a request
      TransformInterceptor                transform.py   `{"data": ..., "meta": ...}`, pages, documents
      ValidationInterceptor               validation.py  bodies and query strings against schemas
    @heidi/metrics       metrics        Prometheus metrics, health and readiness probes

Further packages:

    audit        the audit trail: who did what, in a hash chain
    channels     the channels of notifications
    cli          `flask` commands: loading, `flask doctor`
    config       settings, read once from environment variables; the list of services
    crypto       encryption of stored fields, signatures, base64url
    http_client  outgoing HTTP calls that cannot reach private networks
    export_jobs  exports that are requested by HTTP and end with a file, written by a worker
    identity     users, roles, sessions, passwords, revocation
    import_files files that users import: CSV, JSON, encodings
    import_jobs  imports that are requested by HTTP, carried out by a worker
    messaging    domain events: transactional outbox, inbox, jobs
    openapi      OpenAPI documents and Swagger UI
    operations   the operations that core runs over several services: inputs and steps
    pages        HTML pages for end users
    peers        calls between the services
    schemas      base schema, fields and validators
    tracing      OpenTelemetry, an optional extra
    server       gunicorn worker, shutdown, child processes that end with their parent, heartbeats, full disks

Modules: `app` builds a Flask app, `runtime` holds what belongs to one app, `problems` are the errors that clients see.
"""

from zoneinfo import ZoneInfo, reset_tzpath

# Every process imports this package first. The rules of the operating system differ between machines and are updated
# without notice, so only those of the pinned package `tzdata` are used.
reset_tzpath(())
ZoneInfo.clear_cache()
