"""Encryption and signatures.

`encryption` encrypts fields that are stored (`field_encryptor()`), `signed_values` signs values that leave the platform
and come back, `webhook_verification` verifies who has sent a webhook, `vapid` reads the key pair of Web Push, and
`base64url` is Base64 without padding. Tokens are signed in `heidi_common/jwt`, outgoing webhooks in
`heidi_services/integration/webhook_signing.py`.
"""
