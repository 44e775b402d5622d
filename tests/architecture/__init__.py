"""The rules of the codebase. Each is a function that returns the violations, so that it can be tested on an example."""
