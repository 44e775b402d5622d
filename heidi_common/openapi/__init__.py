"""The OpenAPI 3.1 documents of the services, and their Swagger UI without a CDN.

documents: one document for each service, and how schemas become JSON Schema.
headers: `@documents(IF_MATCH, ...)` declares the request headers that a view honors.
swagger_ui: the pages under `/docs/`.
"""
