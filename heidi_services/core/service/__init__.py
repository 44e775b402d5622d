"""The use cases of core, one module for each."""
