"""Costs that must not grow with the tables: each query at a size and at one hundredth of it."""
