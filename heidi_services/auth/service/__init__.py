"""The use cases of auth, one module for each."""
