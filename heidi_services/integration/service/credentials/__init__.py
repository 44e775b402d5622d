"""Secrets of integrations: stored encrypted, rotated, and exchanged for access tokens of a provider (OAuth)."""
