"""Schemas of requests to the city service, and of its responses."""
