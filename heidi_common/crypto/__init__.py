"""Encryption and signatures.

`encryption` encrypts fields that are stored (`field_encryptor()`), `signing` signs values that leave the platform and
come back, `webhook_signatures` verifies who has sent a webhook, and `base64url` is Base64 without padding.
"""
