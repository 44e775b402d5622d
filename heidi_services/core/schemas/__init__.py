"""Requests and responses of core's endpoints."""
