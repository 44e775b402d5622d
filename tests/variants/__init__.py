"""Variants that the platform does not have, each declared in one file, and the tests that add them."""
