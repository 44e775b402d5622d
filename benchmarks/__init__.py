"""Benchmarks of Heidi on this machine: `make bench`."""
