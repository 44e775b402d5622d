"""Use cases of the city service, one module per use case."""
