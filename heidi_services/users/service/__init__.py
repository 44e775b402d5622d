"""Use cases of the users service, one module per use case."""
