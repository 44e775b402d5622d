"""GraphQL over the REST API of all services. It adds no rules: the services decide with the caller's token.

types: the objects and their relations. queries, mutations: the fields of the roots. connections: Relay's pages.
loading: one call per service for everything that a level needs. limits: what a document may ask for.
documents: documents that are kept by their hash. execution: from a request to its response.
errors: the services' errors in it.
schema: the schema and its text. scalars: times, IDs and JSON.
"""
