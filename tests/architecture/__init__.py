"""The rules of the house. Each is a function that returns what breaks it, so that it can be tried on a ruin."""
