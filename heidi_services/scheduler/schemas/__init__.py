"""Requests and responses of the scheduler's endpoints."""
